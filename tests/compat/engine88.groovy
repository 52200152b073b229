// The engine of Camunda 8.8 in memory: gRPC on a port of 127.0.0.1, orders on standard input.
//
//   engine88.groovy PORT     answers "ready", and then every line with one line:
//     travel DURATION        time passes (ISO 8601), and timers that became due fire
//     records POSITION       the events after this position that our projection is interested in, as JSON
//
// The end of the input ends the engine.
import groovy.transform.CompileStatic
import io.camunda.zeebe.process.test.engine.EngineFactory
import io.grpc.ServerProvider
import io.grpc.ServerRegistry
import io.grpc.netty.NettyServerBuilder
import java.time.Duration

// The engine asks for "a server on this port", which would listen on every interface.
@CompileStatic
class Loopback extends ServerProvider {
    protected boolean isAvailable() { true }
    protected int priority() { 10 }
    protected NettyServerBuilder builderForPort(int port) {
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port))
    }
}

def wanted = ["PROCESS_INSTANCE", "MESSAGE_START_EVENT_SUBSCRIPTION", "USER_TASK", "INCIDENT"]

ServerRegistry.defaultRegistry.register(new Loopback())
def engine = EngineFactory.create(args[0] as int)
engine.start()
println "ready"
System.in.eachLine { line ->
    def (order, argument) = line.tokenize()
    if (order == "travel") {
        engine.increaseTime(Duration.parse(argument))
        println "done"
    } else {
        def news = engine.recordStreamSource.records.findAll {
            it.position > (argument as long) && it.recordType.name() == "EVENT" && it.valueType.name() in wanted
        }
        println "[" + news*.toJson().join(",") + "]"
    }
}
engine.stop()
System.exit(0)
