package dev.godwit.transport.tcp;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.kernel.Waker;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Names to addresses. The system's resolver cannot be interrupted, so it works on a thread of its
 * own, which is left behind to its own timeout when the caller stops waiting.
 */
final class Resolver {
  private record Answer(List<InetAddress> addresses, @Nullable UnknownHostException failure) {}

  private Resolver() {}

  /** The addresses of {@code host}, in the order in which the system wants them tried. */
  static List<InetAddress> resolve(
      Endpoint endpoint, String host, TcpOptions.Families families, Waker waker, Deadline deadline)
      throws ChannelException {
    List<InetAddress> allowed =
        addresses(endpoint, host, waker, deadline).stream().filter(families::allow).toList();
    if (allowed.isEmpty()) {
      throw new ChannelException.Refused(
          "Host '" + host + "' in " + endpoint + " has no " + families + " address");
    }
    return allowed;
  }

  private static List<InetAddress> addresses(
      Endpoint endpoint, String host, Waker waker, Deadline deadline) throws ChannelException {
    try {
      return List.of(InetAddress.ofLiteral(host));
    } catch (IllegalArgumentException e) {
      // No literal, so it is a name.
    }
    AtomicReference<@Nullable Answer> answer = new AtomicReference<>();
    try (Waker answered = Waker.open()) {
      Thread.ofPlatform()
          .daemon()
          .name("godwit-resolve")
          .start(
              () -> {
                answer.set(lookUp(host));
                answered.wake();
              });
      return switch (waker.await(answered, deadline)) {
        case READY -> checked(endpoint, host, answer.get());
        case TIMED_OUT ->
            throw new ChannelException.TimedOut(
                "The name '" + host + "' in " + endpoint + " was not resolved in time");
        case WOKEN -> throw new ChannelException.Aborted("Resolving " + host + " was ended", null);
      };
    }
  }

  private static Answer lookUp(String host) {
    try {
      return new Answer(Arrays.asList(InetAddress.getAllByName(host)), null);
    } catch (UnknownHostException e) {
      return new Answer(List.of(), e);
    }
  }

  private static List<InetAddress> checked(Endpoint endpoint, String host, @Nullable Answer answer)
      throws ChannelException {
    if (answer == null || answer.failure() != null) {
      throw new ChannelException.Refused(
          "Host '" + host + "' in " + endpoint + " has no address that this host can find",
          answer == null ? null : answer.failure());
    }
    return answer.addresses();
  }
}
