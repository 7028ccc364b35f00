package dev.godwit.lab.demo;

import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.cli.Output;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Transports;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** What the demo's second process does: it takes guests, and lets each prove itself. */
final class CompanionRole {
  static final String ADDRESS = "address";
  static final String FAILURE = "failure";

  /** Where to wait for the guest of one leg, or where to read it from. */
  record Order(Endpoint address, int channels) {
    static Order parse(String line) {
      int blank = line.indexOf(' ');
      return new Order(
          Endpoint.parse(line.substring(blank + 1)), Integer.parseInt(line.substring(0, blank)));
    }

    @Override
    public String toString() {
      return channels + " " + address;
    }
  }

  private final Transports transports = Transports.load();
  private final LabSpec spec;
  private final Output output;

  /** An order each; an empty one at the end. */
  private final BlockingQueue<Optional<String>> orders = new LinkedBlockingQueue<>();

  private Optional<Destination> current = Optional.empty();
  private boolean ended;

  CompanionRole(LabSpec spec, Output output) {
    this.spec = spec;
    this.output = output;
  }

  /** Returns when there are no more orders; ends what it does then. */
  void run(InputStream input) throws InterruptedException {
    Thread.ofPlatform().daemon().name("godwit-demo-orders").start(() -> read(input));
    for (Optional<String> order = orders.take(); order.isPresent(); order = orders.take()) {
      try {
        take(Order.parse(order.get()));
      } catch (IOException | EndpointException e) {
        output.document("demo", Map.of(FAILURE, String.valueOf(e.getMessage())));
      }
    }
  }

  private void take(Order order) throws IOException {
    Leg leg = new Leg(order.address.scheme(), order.channels);
    try (Destination destination = new ThreadDestination(transports, order.address, spec, leg)) {
      if (begins(destination)) {
        output.document("demo", Map.of(ADDRESS, destination.address().toString()));
        output.document("demo", destination.proof().members());
      }
    }
  }

  private void read(InputStream input) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(input, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        orders.add(Optional.of(line));
      }
    } catch (IOException e) {
      // Nobody is there any more, as at its end.
    }
    orders.add(Optional.empty());
    ends();
  }

  private synchronized boolean begins(Destination destination) {
    current = Optional.of(destination);
    return !ended;
  }

  private synchronized void ends() {
    ended = true;
    current.ifPresent(Destination::cancel);
  }
}
