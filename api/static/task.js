// A task's form: drawn by form-js from forms/, sent as JSON. Nothing typed is lost on an error, an expired log-in,
// or a reload: it is kept in this tab until the task is completed.

const holder = document.getElementById("form");
if (holder) await start();

async function start() {
  const { schema, data, writable } = JSON.parse(holder.dataset.form);
  const { Form } = await import(holder.dataset.library);
  const draft = `task-${holder.dataset.key}`;
  const problem = document.getElementById("problem");
  const button = document.getElementById("send");
  const sent = document.getElementById("sent");
  const form = new Form({ container: holder.querySelector(".fields") });
  await form.importSchema(schema, { ...data, ...kept() });
  if (!writable) form.setProperty("readOnly", true);
  holder.dataset.drawn = "yes";
  document.addEventListener("swapped", takenElsewhere);
  if (!writable) return;

  form.on("changed", () => sessionStorage.setItem(draft, JSON.stringify(answers(form._getState().data))));
  form.on("submit", ({ data: filled, errors }) => {
    if (Object.keys(errors).length) focusFirst();
    else send(answers(filled));
  });
  button.addEventListener("click", () => form.submit());

  /** Taken in Tasklist or another tab: from now on it can be filled in here. */
  function takenElsewhere() {
    const { open, mine } = document.getElementById("standing").dataset;
    if (!writable && open === "yes" && mine === "yes") location.reload();
  }

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(draft)) ?? {};
    } catch {
      return {};
    }
  }

  /** What can be filled in. A text that was emptied is an empty text: left out it would stay as it was. */
  function answers(filled) {
    const found = {};
    for (const field of fields(schema.components)) {
      const value = filled[field.key] ?? (field.type.startsWith("text") ? "" : null);
      if (value !== null) found[field.key] = value;
    }
    return found;
  }

  async function send(variables) {
    button.disabled = true;
    sent.textContent = "Sending…";
    problem.hidden = true;
    try {
      const answer = await post(variables, holder.dataset.csrf);
      if (answer.ok) {
        sessionStorage.removeItem(draft);
        sent.textContent = "Done.";
        location.assign(holder.dataset.done);
        return;
      }
      explain(await answer.json());
    } catch {
      tell(["The server cannot be reached. What you filled in is kept; try again in a moment."]);
    }
    sent.textContent = "";
    button.disabled = false;
  }

  function post(variables, token) {
    return fetch(holder.dataset.send, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token },
      body: JSON.stringify({ variables }),
    });
  }

  function explain({ status, detail, errors = [] }) {
    if (status === 401) return expired();
    if (status === 409) return tell([detail, "What you filled in was not used."], link(holder.dataset.done, "See what became of it"));
    const byKey = new Map(fields(schema.components).map((field) => [field.key, field]));
    const shown = {};
    const rest = [];
    for (const { pointer = "", message } of errors) {
      const field = byKey.get(pointer.split("/").pop());
      if (field) (shown[field.id] ??= []).push(`${field.label} ${message}.`);
      rest.push(field ? `${field.label} ${message}.` : message);
    }
    form._setState({ errors: shown });
    tell(rest.length ? rest : [detail]);
    focusFirst();
  }

  function expired() {
    const login = link(`/login?next=${encodeURIComponent("/ui/tasks")}`, "Log in in a new tab");
    login.target = "_blank";
    tell(["Your log-in has ended. What you filled in is kept here: log in again, then reload this page."], login);
  }

  function tell(sentences, more) {
    problem.replaceChildren(...sentences.map((text) => element("p", text)));
    if (more) problem.append(more);
    problem.hidden = false;
    problem.tabIndex = -1;
    problem.focus();
  }

  function focusFirst() {
    requestAnimationFrame(() => holder.querySelector("[aria-invalid=true], .fjs-has-errors input, .fjs-has-errors textarea")?.focus());
  }
}

function fields(components) {
  return components.flatMap((part) =>
    part.components ? fields(part.components) : part.key && !part.disabled && !part.readonly ? [part] : []);
}

function link(href, text) {
  const found = element("a", text);
  found.href = href;
  return found;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
