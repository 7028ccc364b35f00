package dev.godwit.lab.engine;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.ForwardingChannel;
import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;

/**
 * The program that is killed: one end of several migrations at once, each with a guest of its own.
 * What its guests are about to do it writes into a journal first, which outlives it.
 *
 * <p>It takes orders, a line each, {@code NUMBER MULTIFD URI MOMENT}, and ends with its standard
 * input.
 */
final class KilledEnd {
  /** Which end it is. */
  enum Role {
    SOURCE,
    DESTINATION
  }

  /** What an end does, in the order in which it does so. */
  enum Moment {
    /** The source: the first byte is about to leave; the destination: somebody came. */
    CONNECTED,
    /** The source is about to pause the guest. */
    PAUSING,
    PAUSED,
    /** The destination is about to ask for the guest. */
    LOADED,
    ASKED,
    /** The source has given the guest up, and is about to say so. */
    GIVEN_UP,
    HANDED_OVER,
    /** The guest is about to run, from the first time on. */
    RESUMING,
    RESUMED,
    /** The destination has said that it runs the guest. */
    CONFIRMED,
    ENDED,
    /** It has stopped where it was told to, for ever. */
    HELD,
    NEVER
  }

  private static final long RAM_BYTES = 2 << 20;
  private static final long WRITES_PER_SECOND = 500;

  /** So slow that there is time to be killed in. */
  private static final String BYTES_PER_SECOND = "16000000";

  /** What one migration of this end did, in a file. */
  private static final class Journal {
    private final OutputStream file;
    private final int number;
    private final Moment last;
    private final Set<Moment> seen = EnumSet.noneOf(Moment.class);

    Journal(OutputStream file, int number, Moment last) {
      this.file = file;
      this.number = number;
      this.last = last;
    }

    /** Returns once it is written down, and never from where it is to stop. */
    void at(Moment moment) {
      write(moment);
      if (moment == last) {
        write(Moment.HELD);
        hang();
      }
    }

    /** The same, the first time only. */
    void first(Moment moment) {
      boolean added;
      synchronized (seen) {
        added = seen.add(moment);
      }
      if (added) {
        at(moment);
      }
    }

    private void write(Moment moment) {
      try {
        file.write((number + " " + moment + "\n").getBytes(StandardCharsets.US_ASCII));
      } catch (IOException e) {
        // Without a journal nobody could judge what comes next.
        Runtime.getRuntime().halt(3);
      }
    }

    private static void hang() {
      while (true) {
        try {
          new CountDownLatch(1).await();
        } catch (InterruptedException e) {
          // Only a kill ends this.
        }
      }
    }
  }

  /** A guest that writes down what it does. */
  private static final class JournalGuest extends ForwardingGuest {
    private final Journal journal;

    JournalGuest(Guest guest, Journal journal) {
      super(guest);
      this.journal = journal;
    }

    @Override
    public void pause() throws GuestException {
      journal.at(Moment.PAUSING);
      super.pause();
      journal.at(Moment.PAUSED);
    }

    @Override
    public void resume() throws GuestException {
      journal.at(Moment.RESUMING);
      super.resume();
      journal.at(Moment.RESUMED);
    }
  }

  /** A main channel that writes down when certain words leave. */
  private static final class JournalChannel extends ForwardingChannel {
    /** Words that leave while {@code when} holds. */
    record Word(BooleanSupplier when, Moment before, Moment after) {}

    private final Journal journal;
    private final List<Word> words;

    JournalChannel(Channel inner, Journal journal, List<Word> words) {
      super(inner);
      this.journal = journal;
      this.words = words;
    }

    @Override
    public void write(ByteBuffer... src) throws ChannelException {
      List<Word> said = words.stream().filter(word -> word.when.getAsBoolean()).toList();
      said.forEach(word -> journal.first(word.before));
      super.write(src);
      super.flush();
      said.forEach(word -> journal.first(word.after));
    }
  }

  private KilledEnd() {}

  static LabSpec spec() {
    return LabSpec.of(RAM_BYTES, DirtyShape.UNIFORM, WRITES_PER_SECOND);
  }

  static EngineParameters parameters(boolean multifd) {
    String[] settings = {
      "max-bandwidth=" + BYTES_PER_SECOND,
      "x-godwit-peer-timeout=15",
      "multifd-channels=2",
      "multifd=" + (multifd ? "on" : "off")
    };
    return Ends.parameters(settings);
  }

  /**
   * @param arguments a {@link Role}, the journal, and how many migrations there can be
   */
  public static void main(String[] arguments) throws Exception {
    Role role = Role.valueOf(arguments[0]);
    List<LabGuest> guests = new ArrayList<>();
    for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
      guests.add(role == Role.SOURCE ? LabGuest.create(spec()) : LabGuest.empty(spec()));
      if (role == Role.SOURCE) {
        guests.getLast().resume();
      }
    }
    try (OutputStream file = new FileOutputStream(arguments[1], true);
        BufferedReader orders =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      System.out.println("ready");
      for (String order = orders.readLine(); order != null; order = orders.readLine()) {
        String[] words = order.split(" ");
        int number = Integer.parseInt(words[0]);
        Journal journal = new Journal(file, number, Moment.valueOf(words[3]));
        boolean multifd = Boolean.parseBoolean(words[1]);
        Endpoint address = Endpoint.parse(words[2]);
        switch (role) {
          case SOURCE -> source(guests.get(number), journal, multifd, address);
          case DESTINATION -> destination(guests.get(number), journal, multifd, address);
        }
      }
    }
    // Nobody gives orders any more.
    Runtime.getRuntime().halt(0);
  }

  private static void source(LabGuest guest, Journal journal, boolean multifd, Endpoint address)
      throws ChannelException {
    AtomicReference<SourceMigration> made = new AtomicReference<>();
    List<JournalChannel.Word> words =
        List.of(
            new JournalChannel.Word(() -> true, Moment.CONNECTED, Moment.CONNECTED),
            new JournalChannel.Word(
                () -> made.get().state().hasGivenUp(), Moment.GIVEN_UP, Moment.HANDED_OVER));
    Dialer dialer =
        new WrappingDialer(
            Ends.TRANSPORTS.dialer(address),
            (n, inner) -> n == 0 ? new JournalChannel(inner, journal, words) : inner);
    SourceMigration migration =
        new SourceMigration(
            new JournalGuest(guest, journal), dialer, parameters(multifd), DestinationKind.GODWIT);
    made.set(migration);
    Thread.ofPlatform()
        .start(
            () -> {
              try {
                migration.migrate();
              } catch (MigrationException e) {
                System.err.println(e.getMessage());
              }
              migration.close();
              journal.at(Moment.ENDED);
            });
  }

  private static void destination(
      LabGuest guest, Journal journal, boolean multifd, Endpoint address) throws ChannelException {
    AtomicReference<DestinationMigration> made = new AtomicReference<>();
    List<JournalChannel.Word> words =
        List.of(
            new JournalChannel.Word(
                () -> made.get().state() == DestinationState.LOADED, Moment.LOADED, Moment.ASKED),
            new JournalChannel.Word(
                () -> made.get().state() == DestinationState.STARTING,
                Moment.RESUMED,
                Moment.CONFIRMED));
    Listener listener =
        new WrappingListener(
            Ends.TRANSPORTS.listen(address),
            (n, inner) -> {
              journal.first(Moment.CONNECTED);
              return n == 0 ? new JournalChannel(inner, journal, words) : inner;
            });
    DestinationMigration migration =
        new DestinationMigration(new JournalGuest(guest, journal), listener, parameters(multifd));
    made.set(migration);
    migration.start();
    System.out.println(listener.local());
    Thread.ofPlatform()
        .start(
            () -> {
              try {
                migration.await();
              } catch (MigrationException e) {
                System.err.println(e.getMessage());
              }
              migration.close();
              journal.at(Moment.ENDED);
            });
  }
}
