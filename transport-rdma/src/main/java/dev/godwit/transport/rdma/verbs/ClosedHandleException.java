package dev.godwit.transport.rdma.verbs;

import java.io.IOException;

/** A queue pair, region or other thing of the verbs was used after it was destroyed. */
public final class ClosedHandleException extends IOException {
  ClosedHandleException(String name) {
    super("The " + name + " is closed");
  }
}
