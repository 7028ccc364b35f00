package dev.godwit.channel.inspect;

import dev.godwit.channel.identity.ChannelClassifier;
import dev.godwit.channel.identity.ChannelRole;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Uninterruptibly;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Accepts one live migration with all its channels, inspects it, and breaks it off at the end: the
 * source is never told that its guest has arrived, so the guest stays there. One thread inspects;
 * another may abort.
 */
public final class MigrationInspector {
  /** After its last word a source waits; what multifd channels still carry is on its way. */
  private static final Duration STRAGGLERS = Duration.ofSeconds(10);

  /** Each multifd channel has a thread; 255 and the main channel are the most there can be. */
  private static final int MAX_CONNECTIONS = 256;

  private final Listener listener;
  private final List<Connection> connections = new ArrayList<>();
  private final CompletableFuture<Integer> pageBytes = new CompletableFuture<>();
  private Optional<Connection> main = Optional.empty();
  private Optional<StreamReport> mainReport = Optional.empty();
  private Optional<IOException> failure = Optional.empty();
  private Optional<Throwable> bug = Optional.empty();
  private boolean broken;
  private boolean over;

  /**
   * @param listener stays the caller's; it is aborted at the end
   */
  public MigrationInspector(Listener listener) {
    this.listener = listener;
  }

  /**
   * Waits for a source, and reads all that it sends.
   *
   * @throws UnsafeSourceException if the source's guest could be lost
   * @throws ChannelException if something else than a migration came, or nothing could come
   */
  public Inspection inspect() throws UnsafeSourceException, ChannelException, InterruptedException {
    Thread acceptor = Thread.ofPlatform().daemon().name("inspect-accept").start(this::accept);
    try {
      awaitMain();
      awaitStragglers();
    } finally {
      ChannelException end = new ChannelException.Aborted("The inspection is over", null);
      abort(end);
      Uninterruptibly.join(acceptor);
      for (Connection connection : snapshot()) {
        Uninterruptibly.join(connection.thread);
        connection.channel.close();
      }
    }
    return result();
  }

  /** Gives up; what was read is told as of a migration that was broken off. Any thread. */
  public synchronized void abort(Throwable cause) {
    over = true;
    pageBytes.completeExceptionally(cause);
    listener.abort(cause);
    connections.forEach(connection -> connection.channel.abort(cause));
    notifyAll();
  }

  private void accept() {
    try {
      while (add(new Connection(listener.accept(Deadline.never())))) {
        // The next one.
      }
    } catch (ChannelException e) {
      fail(e);
    }
  }

  private synchronized boolean add(Connection connection) {
    connections.add(connection);
    if (over || connections.size() > MAX_CONNECTIONS) {
      connection.channel.abort(
          new ChannelException.Violated("A migration has no more connections than these"));
    }
    connection.thread.start();
    return !over;
  }

  private synchronized List<Connection> snapshot() {
    return List.copyOf(connections);
  }

  /** The first failure before the main channel has been read is the whole migration's. */
  private synchronized void fail(IOException e) {
    if (failure.isEmpty() && mainReport.isEmpty() && !over) {
      failure = Optional.of(e);
    }
    notifyAll();
  }

  private synchronized void failUnexpectedly(Throwable e) {
    bug = bug.or(() -> Optional.of(e));
    notifyAll();
  }

  private synchronized void awaitMain() throws InterruptedException {
    while (mainReport.isEmpty() && failure.isEmpty() && bug.isEmpty() && !over) {
      wait();
    }
  }

  /** Every multifd channel has a SYNC for each mark of the main channel. */
  private synchronized void awaitStragglers() throws InterruptedException {
    if (mainReport.isEmpty() || mainReport.get().damage().isPresent()) {
      return;
    }
    long marks = marks(mainReport.get());
    Deadline deadline = Deadline.after(STRAGGLERS);
    while (!over
        && !deadline.hasPassed()
        && connections.stream().anyMatch(c -> c.isBehind(marks))) {
      wait(deadline.remainingMillis());
    }
  }

  private static long marks(StreamReport report) {
    long flushes = report.ram().map(RamReport::flushMarks).orElse(0L);
    long sections = report.sections().stream().filter(s -> s.section().isRam()).count();
    return flushes > 0 ? flushes : sections;
  }

  private synchronized Inspection result() throws UnsafeSourceException, ChannelException {
    if (bug.isPresent()) {
      throw new IllegalStateException("Reading failed in an unforeseen way", bug.get());
    }
    if (failure.isPresent()) {
      switch (failure.get()) {
        case UnsafeSourceException e -> throw e;
        case ChannelException e -> throw e;
        default -> throw new IllegalStateException(failure.get());
      }
    }
    if (mainReport.isEmpty()) {
      throw new ChannelException.Aborted("The inspection was broken off before it began", null);
    }
    List<MultifdReport> multifd = new ArrayList<>();
    for (Connection connection : connections) {
      connection.multifdReport.ifPresent(multifd::add);
    }
    multifd.sort(Comparator.comparingInt(MultifdReport::id));
    return new Inspection(mainReport.get(), multifd);
  }

  /** True for the first one. */
  private synchronized boolean becomesMain(Connection connection) {
    if (main.isPresent() || over) {
      return false;
    }
    main = Optional.of(connection);
    return true;
  }

  private synchronized void mainEnded(StreamReport report) {
    mainReport = Optional.of(report);
    notifyAll();
  }

  /** One channel is damaged; the others are broken off, which is no damage of theirs. */
  private synchronized Optional<Damage> damaged(IOException cause) {
    if (over || broken) {
      return Optional.empty();
    }
    broken = true;
    pageBytes.completeExceptionally(cause);
    connections.forEach(
        connection ->
            connection.channel.abort(
                new ChannelException.Aborted("Another channel of the migration failed", cause)));
    return Optional.of(new Damage(cause, ""));
  }

  private synchronized void progressed() {
    notifyAll();
  }

  /** One connection, whatever it turns out to be. */
  private final class Connection {
    private final Channel channel;
    private final ChannelReader reader;
    private final Thread thread;
    private Optional<MultifdReport> multifdReport = Optional.empty();
    private volatile Optional<MultifdTally> tally = Optional.empty();
    private volatile boolean ended;

    Connection(Channel channel) {
      this.channel = channel;
      this.reader = new ChannelReader(channel, ChannelClassifier.PEEK_BYTES);
      this.thread = Thread.ofPlatform().daemon().name("inspect").unstarted(this::run);
    }

    /** Whether more is to come that belongs to what the main channel has said. */
    boolean isBehind(long marks) {
      return !ended && tally.map(t -> t.syncs() < marks).orElse(true);
    }

    private void run() {
      try {
        ChannelRole role = ChannelClassifier.classify(reader);
        switch (role) {
          case ChannelRole.Main ignored -> main();
          case ChannelRole.Multifd ignored -> multifd();
          case ChannelRole.Silent _, ChannelRole.Opaque _ -> {}
          case ChannelRole.Tls ignored ->
              throw new ChannelException.Violated(
                  "The source speaks TLS, which an inspector cannot look into");
          case ChannelRole.Recovery ignored ->
              throw new UnsafeSourceException(
                  "The source resumes a postcopy migration whose guest runs elsewhere");
          case ChannelRole.Preempt ignored ->
              throw new UnsafeSourceException(
                  "The source has postcopy-preempt on, and an inspector can take no postcopy");
        }
      } catch (IOException e) {
        fail(e);
      } catch (RuntimeException | Error e) {
        failUnexpectedly(e);
      } finally {
        ended = true;
        progressed();
      }
    }

    private void main() throws ChannelException, UnsafeSourceException {
      if (!becomesMain(this)) {
        throw new ChannelException.Violated("There is more than one main channel");
      }
      try (StreamInput in = new StreamInput(reader, "main", StreamInput.DEFAULT_BUFFER_BYTES);
          StreamOutput answers = new StreamOutput(channel)) {
        mainEnded(StreamInspector.ofLive(channel, in, answers, pageBytes).inspect());
      }
    }

    private void multifd() throws ChannelException {
      try (StreamInput in = new StreamInput(reader, "multifd", StreamInput.DEFAULT_BUFFER_BYTES)) {
        Optional<Damage> damage = Optional.empty();
        try {
          MultifdTally begun = new MultifdTally(in, MigrationInspector.this::progressed);
          tally = Optional.of(begun);
          begun.readAll(pageBytes.get());
        } catch (StreamException | ChannelException e) {
          damage = damaged(e);
        } catch (ExecutionException e) {
          // The main channel has no page size to tell, and says why itself.
          damage = Optional.empty();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
        Optional<Damage> first = damage;
        multifdReport = tally.map(t -> t.report(first));
      }
    }
  }
}
