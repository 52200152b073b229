"""The smallest process with work in it: start, two service tasks, end. Every client has a copy of its own."""

from workers.runtime.engine import Engine

_BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="http://bpmn.io/schema/bpmn">
  <bpmn:process id="{process}" isExecutable="true">
    <bpmn:startEvent id="begin"><bpmn:outgoing>to_first</bpmn:outgoing></bpmn:startEvent>
    <bpmn:sequenceFlow id="to_first" sourceRef="begin" targetRef="first" />
    <bpmn:serviceTask id="first">
      <bpmn:extensionElements><zeebe:taskDefinition type="{process}.first" /></bpmn:extensionElements>
      <bpmn:incoming>to_first</bpmn:incoming><bpmn:outgoing>to_second</bpmn:outgoing>
    </bpmn:serviceTask>
    <bpmn:sequenceFlow id="to_second" sourceRef="first" targetRef="second" />
    <bpmn:serviceTask id="second">
      <bpmn:extensionElements><zeebe:taskDefinition type="{process}.second" /></bpmn:extensionElements>
      <bpmn:incoming>to_second</bpmn:incoming><bpmn:outgoing>to_end</bpmn:outgoing>
    </bpmn:serviceTask>
    <bpmn:sequenceFlow id="to_end" sourceRef="second" targetRef="done" />
    <bpmn:endEvent id="done"><bpmn:incoming>to_end</bpmn:incoming></bpmn:endEvent>
  </bpmn:process>
</bpmn:definitions>
"""
TASKS = ("first", "second")
JOBS = len(TASKS)


def process_of(client: str) -> str:
    """The id of the process that this client serves."""
    return f"bench_{client}"


def job_types(client: str) -> list[str]:
    """The job types that this client serves."""
    return [f"{process_of(client)}.{task}" for task in TASKS]


async def deploy_two_tasks(engine: Engine, clients: list[str]) -> None:
    """Deploy a copy for every client."""
    processes = [process_of(client) for client in clients]
    await engine.deploy({f"{process}.bpmn": _BPMN.format(process=process).encode() for process in processes})
