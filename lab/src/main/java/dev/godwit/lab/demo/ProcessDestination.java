package dev.godwit.lab.demo;

import dev.godwit.transport.Endpoint;
import java.io.IOException;
import tools.jackson.databind.JsonNode;

/** A destination in the demo's second process. A leg that does not end well ends that too. */
final class ProcessDestination implements Destination {
  private final Companion companion;
  private final CompanionRole.Order order;
  private boolean begun;
  private boolean done;

  ProcessDestination(Companion companion, Endpoint address, Leg leg) {
    this.companion = companion;
    this.order = new CompanionRole.Order(address, leg.channels());
  }

  /** The guest of a file is there only once it was saved, so the order is given when needed. */
  @Override
  public Endpoint address() throws IOException {
    begun = true;
    companion.order(order);
    return Endpoint.parse(companion.answer().path(CompanionRole.ADDRESS).asString(""));
  }

  @Override
  public GuestProof proof() throws IOException {
    if (!begun) {
      address();
    }
    JsonNode answer = companion.answer();
    done = true;
    return GuestProof.of(answer);
  }

  @Override
  public void cancel() {
    companion.cancel();
  }

  @Override
  public void close() {
    if (begun && !done) {
      companion.cancel();
      companion.close();
    }
  }
}
