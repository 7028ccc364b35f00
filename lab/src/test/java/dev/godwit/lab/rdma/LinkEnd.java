package dev.godwit.lab.rdma;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.embedded.Verification;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.engine.ForwardingGuest;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The program in either VM of {@link LinkCutTest}: one end of one round after the other. It writes
 * a line {@code ROUND WHAT} for what happens, and goes on when there are files {@code WHAT-ROUND}.
 */
final class LinkEnd {
  /** Which end it is. */
  enum Role {
    SOURCE,
    DESTINATION
  }

  /** When the link is cut. */
  enum Round {
    /** Before anybody dials. */
    BEFORE(7700),
    /** While both ends of a channel do nothing but read. */
    IDLE(7701),
    /** In the first pass over memory. */
    DURING(7702),
    /** When the source is about to pause its guest. */
    LAST_PASS(7703),
    /** When the source has given the guest up, and the destination is about to run it. */
    HANDOVER(7704);

    /** One a round, since a port whose connection was cut may not be free at once. */
    private final int port;

    Round(int port) {
      this.port = port;
    }
  }

  private static final LabSpec SPEC = LabSpec.of(4 << 20, DirtyShape.HOT_SET, 100);
  private static final long MOVING_BYTES = 256 << 10;

  private final String address;
  private final Path files;

  private LinkEnd(String address, Path files) {
    this.address = address;
    this.files = files;
  }

  /**
   * @param arguments a {@link Role}, the destination's address, and where the files are
   */
  public static void main(String[] arguments) throws Exception {
    LinkEnd end = new LinkEnd(arguments[1], Path.of(arguments[2]));
    for (Round round : Round.values()) {
      switch (Role.valueOf(arguments[0])) {
        case SOURCE -> {
          end.awaitFile("dial", round);
          end.source(round);
        }
        case DESTINATION -> {
          end.awaitFile("listen", round);
          end.destination(round);
        }
      }
    }
  }

  /** The silence after which a peer is probed is short, so that a cut link is soon noticed. */
  private Endpoint endpoint(Round round) {
    return Endpoint.parse("rdma:" + address + ":" + round.port + "?liveness=2s");
  }

  /** Only the transport itself finds out in good time. */
  private static EngineParameters parameters(Round round) {
    EngineParameters parameters =
        Ends.parameters("x-godwit-peer-timeout=300", "downtime-limit=10000");
    return round == Round.DURING ? parameters.with("max-bandwidth", "500000") : parameters;
  }

  private void awaitFile(String what, Round round) {
    Path file = files.resolve(what + "-" + round);
    Await.until(file + " is there", () -> Files.exists(file));
  }

  private static void say(Round round, String what) {
    System.out.println(round + " " + what);
  }

  private void source(Round round) throws Exception {
    Endpoint to = endpoint(round);
    if (round == Round.IDLE) {
      try (Dialer dialer = Ends.TRANSPORTS.dialer(to);
          Channel channel = dialer.dial(Deadline.after(Await.LIMIT))) {
        Io.send(channel, new byte[] {1});
        readOn(channel);
      } catch (ChannelException e) {
        say(round, "close: " + e);
      }
      return;
    }
    try (LabGuest guest = LabGuest.create(SPEC);
        Dialer dialer = Ends.TRANSPORTS.dialer(to);
        SourceMigration migration =
            new SourceMigration(
                new HeldGuest(guest, round, Role.SOURCE),
                dialer,
                parameters(round),
                DestinationKind.GODWIT)) {
      guest.resume();
      Task<Optional<MigrationException>> task =
          Task.start(
              "source",
              () -> {
                try {
                  migration.migrate();
                  return Optional.empty();
                } catch (MigrationException e) {
                  return Optional.of(e);
                }
              });
      if (round == Round.DURING) {
        Await.until("it moves", () -> migration.statistics().wireBytes() > MOVING_BYTES);
        say(round, "moving");
      }
      Optional<MigrationException> met = task.result();
      ended(round, migration.state().toString(), met, guest);
    }
  }

  private void destination(Round round) throws Exception {
    try (Listener listener = Ends.TRANSPORTS.listen(endpoint(round))) {
      if (round == Round.IDLE) {
        say(round, "waiting");
        try (Channel channel = listener.accept(Deadline.after(Await.LIMIT))) {
          Io.receive(channel, 1);
          say(round, "connected");
          readOn(channel);
        } catch (ChannelException e) {
          say(round, "close: " + e);
        }
        return;
      }
      try (LabGuest guest = LabGuest.empty(SPEC);
          DestinationMigration migration =
              new DestinationMigration(
                  new HeldGuest(guest, round, Role.DESTINATION), listener, parameters(round))) {
        migration.start();
        say(round, "waiting");
        if (round == Round.BEFORE) {
          awaitFile("stop", round);
          migration.cancel("nobody came");
        }
        Optional<MigrationException> met = Optional.empty();
        try {
          migration.await();
        } catch (MigrationException e) {
          met = Optional.of(e);
        }
        ended(round, migration.state().toString(), met, guest);
      }
    }
  }

  /** A side that only waits for the other one. */
  private static void readOn(Channel channel) {
    try {
      int read = channel.read(ByteBuffer.allocate(1));
      say(Round.IDLE, "ended with " + read);
    } catch (ChannelException e) {
      say(Round.IDLE, "ended with " + e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  /** Says how it ended, why at the root, and what became of the guest. */
  private static void ended(
      Round round, String state, Optional<MigrationException> met, LabGuest guest)
      throws GuestException {
    boolean ran = guest.isRunning();
    boolean sound = true;
    if (ran) {
      guest.pause();
      Verification verification = guest.verify();
      sound = verification.isSound();
    }
    String why = met.map(LinkEnd::root).map(e -> e.getClass().getSimpleName()).orElse("nothing");
    String sentence = met.map(Throwable::getMessage).orElse("");
    say(
        round,
        "ended %s, running %b, sound %b, because of %s: %s"
            .formatted(state, ran, sound, why, sentence));
  }

  /** The first failure of a channel is the cause of what its later callers meet. */
  private static Throwable root(Throwable e) {
    Throwable root = e;
    while (root.getCause() instanceof IOException cause) {
      root = cause;
    }
    return root;
  }

  /** A guest that waits for the link to be cut before a certain thing is done to it. */
  private final class HeldGuest extends ForwardingGuest {
    private final Round round;
    private final Role role;

    HeldGuest(Guest guest, Round round, Role role) {
      super(guest);
      this.round = round;
      this.role = role;
    }

    @Override
    public void pause() throws GuestException {
      if (round == Round.LAST_PASS && role == Role.SOURCE) {
        say(round, "pausing");
        awaitFile("cut", round);
      }
      super.pause();
    }

    @Override
    public void resume() throws GuestException {
      if (round == Round.HANDOVER && role == Role.DESTINATION) {
        say(round, "resuming");
        awaitFile("cut", round);
      }
      super.resume();
    }
  }
}
