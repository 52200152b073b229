import io.camunda.zeebe.client.ZeebeClient;
import java.time.Duration;

/** The Java client as its documentation shows it, with streaming: java BenchClient ADDRESS JOB_TYPE... */
public class BenchClient {
  public static void main(String[] arguments) throws Exception {
    try (ZeebeClient client = ZeebeClient.newClientBuilder().gatewayAddress(arguments[0]).usePlaintext().build()) {
      for (int i = 1; i < arguments.length; i++) {
        client
            .newWorker()
            .jobType(arguments[i])
            .handler((jobs, job) -> {
              job.getVariablesAsMap();
              jobs.newCompleteCommand(job).send();
            })
            .timeout(Duration.ofSeconds(60))
            .fetchVariables("shopify_order_id")
            .streamEnabled(true)
            .open();
      }
      while (System.in.read() >= 0) {}
    }
  }
}
