package dev.godwit.migration.qmp;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * One connection to a QMP monitor on a unix socket. Any number of threads may run commands at once;
 * answers find their command by id.
 *
 * <p>Owns its socket and two virtual threads, which {@link #close} ends. Members and messages that
 * it does not know are passed over. When the connection ends, every waiting command and every
 * subscription fails with the reason, and so does each later call.
 *
 * <p>Keep the connection for as long as it may be needed: a QEMU whose main loop is stuck greets a
 * new client but does not negotiate with it, so only a connection from before reaches its
 * out-of-band commands.
 */
public final class QmpClient implements AutoCloseable {
  /** A single message beyond this is refused. The largest of QEMU 10.0, its schema, has 200 KB. */
  public static final int MAX_MESSAGE_BYTES = 16 << 20;

  /**
   * In-band commands that QEMU may owe an answer to at once, abandoned ones included. QEMU stops
   * reading a monitor with 8 of them queued, out-of-band commands and all, so room is kept.
   */
  static final int MAX_UNANSWERED = 6;

  private static final Logger LOG = LoggerFactory.getLogger(QmpClient.class);
  private static final int READ_BUFFER_BYTES = 16 << 10;

  private final Path path;
  private final SocketChannel channel;
  private final JsonMapper json = JsonMapper.shared();

  /** Ids differ between clients: QEMU may send a late answer for its previous one to the next. */
  private final String idPrefix = "godwit-" + UUID.randomUUID().toString().substring(0, 8) + "-";

  private final AtomicLong ids = new AtomicLong();
  private final Map<String, Pending> pending = new ConcurrentHashMap<>();
  private final Semaphore inBandSlots = new Semaphore(MAX_UNANSWERED);
  private final BlockingQueue<byte[]> outgoing = new LinkedBlockingQueue<>();
  private final CopyOnWriteArrayList<QmpEvents> subscriptions = new CopyOnWriteArrayList<>();
  private final CompletableFuture<QmpGreeting> greeted = new CompletableFuture<>();
  private final AtomicReference<@Nullable QmpException> end = new AtomicReference<>();
  private final Thread reader;
  private final Thread writer;
  private volatile boolean outOfBand;

  private record Pending(CompletableFuture<JsonNode> answer, boolean inBand) {}

  private QmpClient(Path path, SocketChannel channel) {
    this.path = path;
    this.channel = channel;
    this.reader = Thread.ofVirtual().name("qmp-read " + path).unstarted(this::readAll);
    this.writer = Thread.ofVirtual().name("qmp-write " + path).unstarted(this::writeAll);
  }

  /**
   * Connects, awaits the greeting and negotiates, with out-of-band execution if it is on offer.
   *
   * @throws QmpException {@code Unreachable} if nobody serves the socket or this user may not use
   *     it, {@code Busy} if nobody greets within the deadline, {@code NotQmp} if the greeting is
   *     not QMP's, {@code MainLoopStuck} if the greeting comes and the negotiation is not answered
   */
  public static QmpClient connect(Path socket, Deadline deadline) throws QmpException {
    long start = System.nanoTime();
    QmpClient client = new QmpClient(socket, QmpSocket.connect(socket, deadline));
    client.reader.start();
    client.writer.start();
    boolean ready = false;
    try {
      client.negotiate(client.awaitGreeting(start, deadline), deadline);
      ready = true;
      return client;
    } finally {
      if (!ready) {
        client.close();
      }
    }
  }

  private QmpGreeting awaitGreeting(long start, Deadline deadline) throws QmpException {
    try {
      return greeted.get(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new QmpException.Busy(
          "QEMU's monitor at %s has sent no greeting for %s; another client probably holds it, since a monitor serves one at a time"
              .formatted(path, QmpFailures.since(start)));
    } catch (InterruptedException e) {
      throw QmpFailures.interrupted("Interrupted while waiting for a greeting from " + path, e);
    } catch (ExecutionException e) {
      throw QmpFailures.again(e);
    }
  }

  private void negotiate(QmpGreeting greeting, Deadline deadline) throws QmpException {
    ObjectNode arguments = json.createObjectNode();
    if (greeting.offersOutOfBand()) {
      arguments.putArray("enable").add("oob");
    }
    try {
      execute("qmp_capabilities", arguments, deadline);
    } catch (QmpException.TimedOut e) {
      throw new QmpException.MainLoopStuck(
          "QEMU at %s greeted and then did not answer; its main loop is probably stuck"
              .formatted(path),
          e.command(),
          e);
    }
    outOfBand = greeting.offersOutOfBand();
  }

  /** The socket this client is connected to. */
  public Path path() {
    return path;
  }

  /** The user that serves the socket, where the system tells. */
  public Optional<UserPrincipal> peer() {
    try {
      return Optional.of(channel.getOption(ExtendedSocketOptions.SO_PEERCRED).user());
    } catch (IOException | UnsupportedOperationException e) {
      return Optional.empty();
    }
  }

  /** What the server said of itself. */
  public QmpGreeting greeting() {
    return greeted.join();
  }

  /** Whether {@link #executeOutOfBand} can be used on this connection. */
  public boolean outOfBand() {
    return outOfBand;
  }

  /** Why the connection has ended, or empty while it lives. */
  public Optional<QmpException> ended() {
    return Optional.ofNullable(end.get());
  }

  /** An empty object to fill with a command's arguments. */
  public ObjectNode arguments() {
    return json.createObjectNode();
  }

  /** Runs a command without arguments; see {@link #execute(String, ObjectNode, Deadline)}. */
  public JsonNode execute(String command, Deadline deadline) throws QmpException {
    return execute(command, json.createObjectNode(), deadline);
  }

  /**
   * Runs a command in band, in QEMU's main loop, and returns the value it answers with.
   *
   * @throws QmpException {@code Refused} with QEMU's words if it answers with an error, {@code
   *     TimedOut} if no answer comes before the deadline, {@code Closed}, {@code Gone} or {@code
   *     NotQmp} if the connection ends or has ended
   */
  public JsonNode execute(String command, ObjectNode arguments, Deadline deadline)
      throws QmpException {
    long start = System.nanoTime();
    requireOpen();
    try {
      if (!inBandSlots.tryAcquire(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
        requireOpen();
        throw new QmpException.TimedOut(
            "QEMU at %s was not asked for %s: it has left %d earlier commands unanswered"
                .formatted(path, command, MAX_UNANSWERED),
            command);
      }
    } catch (InterruptedException e) {
      throw QmpFailures.interrupted("Interrupted before %s was sent".formatted(command), e);
    }
    return exchange("execute", command, arguments, true, start, deadline);
  }

  /**
   * Runs a command past QEMU's main loop; QEMU allows it for {@code yank}, {@code query-yank},
   * {@code migrate-pause} and {@code migrate-recover}.
   *
   * @throws QmpException as {@link #execute(String, ObjectNode, Deadline)}; {@code Refused} with
   *     class {@code NoOutOfBand} if this monitor does not offer it
   */
  public JsonNode executeOutOfBand(String command, ObjectNode arguments, Deadline deadline)
      throws QmpException {
    requireOpen();
    if (!outOfBand) {
      throw new QmpException.Refused(
          "QEMU's monitor at %s offers no out-of-band commands, so %s cannot be run"
              .formatted(path, command),
          command,
          "NoOutOfBand",
          "out-of-band execution is not offered");
    }
    return exchange("exec-oob", command, arguments, false, System.nanoTime(), deadline);
  }

  /** Subscribes to events from now on. Close it when no longer read. */
  public QmpEvents events() throws QmpException {
    requireOpen();
    QmpEvents events = new QmpEvents(subscriptions::remove);
    subscriptions.add(events);
    QmpException ended = end.get();
    if (ended != null) {
      events.end(ended);
    }
    return events;
  }

  /** Ends the connection at once; waiting commands fail. Idempotent. */
  @Override
  public void close() {
    finish(
        new QmpException.Closed("The connection to QEMU at %s was closed".formatted(path), null));
  }

  private JsonNode exchange(
      String verb,
      String command,
      ObjectNode arguments,
      boolean inBand,
      long start,
      Deadline deadline)
      throws QmpException {
    String id = idPrefix + ids.incrementAndGet();
    Pending entry = new Pending(new CompletableFuture<>(), inBand);
    pending.put(id, entry);
    outgoing.add(line(verb, command, arguments, id));
    QmpException ended = end.get();
    if (ended != null) {
      entry.answer().completeExceptionally(ended);
    }
    try {
      JsonNode answer = entry.answer().get(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
      JsonNode error = answer.path("error");
      if (!error.isMissingNode()) {
        throw refused(command, error);
      }
      return answer.path("return");
    } catch (TimeoutException e) {
      if (!inBand) {
        pending.remove(id);
      }
      throw new QmpException.TimedOut(
          "QEMU at %s has not answered %s for %s"
              .formatted(path, command, QmpFailures.since(start)),
          command);
    } catch (InterruptedException e) {
      throw QmpFailures.interrupted("Interrupted while waiting for " + command, e);
    } catch (ExecutionException e) {
      throw QmpFailures.again(e);
    }
  }

  private byte[] line(String verb, String command, ObjectNode arguments, String id) {
    ObjectNode message = json.createObjectNode().put(verb, command);
    if (!arguments.isEmpty()) {
      message.set("arguments", arguments);
    }
    message.put("id", id);
    return (json.writeValueAsString(message) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static QmpException.Refused refused(String command, JsonNode error) {
    String description = error.path("desc").asString("no reason given");
    return new QmpException.Refused(
        "QEMU refused %s: %s".formatted(command, description),
        command,
        error.path("class").asString(""),
        description);
  }

  private void requireOpen() throws QmpException {
    QmpException ended = end.get();
    if (ended != null) {
      throw QmpFailures.again(ended);
    }
  }

  /** Whatever ends the reading, an error of the virtual machine included, wakes all who wait. */
  private void readAll() {
    QmpException reason =
        new QmpException.Closed("Reading from QEMU's monitor at %s failed".formatted(path), null);
    try {
      readUntilEnd();
      reason = lost(null);
    } catch (QmpException e) {
      reason = new QmpException.NotQmp("%s at %s".formatted(e.getMessage(), path), e);
    } catch (JacksonException e) {
      reason =
          new QmpException.NotQmp(
              "The server at %s sent what is no JSON: %s".formatted(path, e.getOriginalMessage()),
              e);
    } catch (IOException e) {
      reason = lost(e);
    } finally {
      finish(reason);
    }
  }

  private void readUntilEnd() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(READ_BUFFER_BYTES);
    JsonFramer framer = new JsonFramer(MAX_MESSAGE_BYTES);
    while (channel.read(buffer) >= 0) {
      buffer.flip();
      while (buffer.hasRemaining()) {
        Optional<byte[]> message = framer.next(buffer);
        if (message.isPresent()) {
          dispatch(json.readTree(message.get()));
        }
      }
      buffer.clear();
    }
    if (!framer.atBoundary()) {
      LOG.debug("QEMU's monitor at {} hung up in the middle of a message", path);
    }
  }

  private void dispatch(JsonNode message) throws QmpException {
    if (message.has("event")) {
      QmpEvent event = QmpEvent.of(message);
      LOG.trace("{}: {} {}", path, event.name(), event.data());
      subscriptions.forEach(subscription -> subscription.deliver(event));
    } else if (message.has("return") || message.has("error")) {
      Pending entry = pending.remove(message.path("id").asString(""));
      if (entry == null) {
        LOG.debug("{}: dropped an answer that nobody waits for: {}", path, message);
        return;
      }
      if (entry.inBand()) {
        inBandSlots.release();
      }
      entry.answer().complete(message);
    } else if (message.has("QMP")) {
      greeted.complete(QmpGreeting.of(message.path("QMP")));
    } else if (!greeted.isDone()) {
      throw new QmpException.NotQmp("The server sent JSON that is no QMP greeting", null);
    }
  }

  private void writeAll() {
    try {
      while (end.get() == null) {
        ByteBuffer line = ByteBuffer.wrap(outgoing.take());
        while (line.hasRemaining()) {
          channel.write(line);
        }
      }
    } catch (InterruptedException e) {
      // Closed: there is nothing more to send.
    } catch (IOException e) {
      // The reader sees the same end, after the last messages that QEMU still got out.
      LOG.debug("Writing to QEMU's monitor at {} failed: {}", path, e.getMessage());
    }
  }

  private QmpException lost(@Nullable IOException cause) {
    if (end.get() != null) {
      return new QmpException.Closed("Closed", cause);
    }
    if (QmpSocket.stillListens(path)) {
      return new QmpException.Closed(
          "QEMU at %s closed its monitor's connection".formatted(path), cause);
    }
    return new QmpException.Gone("The QEMU at %s has ended".formatted(path), cause);
  }

  private void finish(QmpException reason) {
    if (!end.compareAndSet(null, reason)) {
      return;
    }
    QmpSocket.closeQuietly(channel);
    writer.interrupt();
    greeted.completeExceptionally(reason);
    pending.values().forEach(entry -> entry.answer().completeExceptionally(reason));
    pending.clear();
    inBandSlots.release(MAX_UNANSWERED);
    subscriptions.forEach(subscription -> subscription.end(reason));
  }
}
