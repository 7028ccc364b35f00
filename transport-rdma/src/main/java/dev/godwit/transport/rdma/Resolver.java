package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.support.Monitor;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Names to addresses. The system's resolver cannot be interrupted, so it works on a thread of its
 * own, which is left behind to its own timeout when the caller stops waiting.
 */
final class Resolver {
  private final Monitor monitor = new Monitor();
  private @Nullable List<InetAddress> addresses;
  private @Nullable UnknownHostException failure;
  private boolean ended;

  /** Whether whoever waits has given up. */
  interface GivenUp {
    void check() throws ChannelException;
  }

  private Resolver() {}

  /** The addresses of {@code host}, in the order in which the system wants them tried. */
  static List<InetAddress> resolve(
      Endpoint endpoint, String host, Deadline deadline, GivenUp givenUp) throws ChannelException {
    try {
      return List.of(InetAddress.ofLiteral(host));
    } catch (IllegalArgumentException e) {
      // No literal, so it is a name.
    }
    Resolver resolver = new Resolver();
    Thread.ofPlatform().daemon().name("godwit-resolve").start(() -> resolver.lookUp(host));
    return resolver.await(endpoint, host, deadline, givenUp);
  }

  private void lookUp(String host) {
    List<InetAddress> found = null;
    UnknownHostException unknown = null;
    try {
      found = Arrays.asList(InetAddress.getAllByName(host));
    } catch (UnknownHostException e) {
      unknown = e;
    }
    monitor.lock();
    addresses = found;
    failure = unknown;
    ended = true;
    monitor.signalAll();
    monitor.unlock();
  }

  private List<InetAddress> await(
      Endpoint endpoint, String host, Deadline deadline, GivenUp givenUp) throws ChannelException {
    monitor.lock();
    try {
      while (!ended) {
        givenUp.check();
        if (deadline.hasPassed()) {
          throw new ChannelException.TimedOut(
              "The name '" + host + "' in " + endpoint + " was not resolved in time");
        }
        // Short steps, since giving up signals nothing here.
        monitor.await(Deadlines.sooner(deadline, Deadlines.STEP));
      }
      if (addresses == null) {
        throw new ChannelException.Refused(
            "Host '" + host + "' in " + endpoint + " has no address that this host can find",
            failure);
      }
      return addresses;
    } finally {
      monitor.unlock();
    }
  }
}
