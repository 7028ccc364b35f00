package dev.godwit.channel.returnpath;

import java.nio.ByteBuffer;

/**
 * Follows the messages of a return path that others carry, to learn how the destination ended. It
 * never fails: a message that cannot be makes it stop knowing.
 *
 * <pre>
 *   u16 type, u16 length, payload[length]      RECV_BITMAP is followed by u64 S, S bytes, u64 mark
 * </pre>
 *
 * <p>Fed by one thread; what it has learnt may be read by any. Allocates nothing.
 */
public final class ReturnPathWatcher {

  /** What the destination has said about the end. */
  public enum Verdict {
    /** Nothing yet. */
    OPEN,
    /** SHUT 0: the destination has the whole guest. */
    SUCCEEDED,
    /** SHUT with another value: the destination failed to load. */
    FAILED
  }

  private static final int HEADER_BYTES = 4;
  private static final int SHUT = 1;
  private static final int RECV_BITMAP = 5;
  private static final int LAST_KNOWN = 7;

  /** Godwit's own messages. */
  private static final int READY = 0x4701;

  private static final int REASON = 0x4702;

  /** QEMU refuses longer payloads (qemu-wire.md §5.1). */
  private static final int MAX_PAYLOAD_BYTES = 512;

  private static final int WORD_BYTES = 8;

  private enum Step {
    HEADER,
    SHUT_VALUE,
    BITMAP_NAME,
    BITMAP_SIZE,
    SKIP,
    LOST
  }

  private Step step = Step.HEADER;
  private long word;
  private int wanted = HEADER_BYTES;
  private long skip;
  private volatile Verdict verdict = Verdict.OPEN;

  public Verdict verdict() {
    return verdict;
  }

  /** Looks at the next bytes; their position does not move. */
  public void see(ByteBuffer bytes) {
    int at = bytes.position();
    int end = bytes.limit();
    while (at < end && step != Step.LOST) {
      if (step == Step.SKIP || step == Step.BITMAP_NAME) {
        long part = Math.min(skip, end - at);
        at += (int) part;
        skip -= part;
        if (skip == 0) {
          begin(step == Step.SKIP ? Step.HEADER : Step.BITMAP_SIZE);
        }
      } else {
        word = word << 8 | (bytes.get(at++) & 0xFF);
        if (--wanted == 0) {
          finish();
        }
      }
    }
  }

  private void finish() {
    switch (step) {
      case HEADER -> header((int) (word >>> 16) & 0xFFFF, (int) word & 0xFFFF);
      case SHUT_VALUE -> {
        verdict = word == 0 ? Verdict.SUCCEEDED : Verdict.FAILED;
        begin(Step.HEADER);
      }
      case BITMAP_SIZE -> {
        if (word < 0 || word > Long.MAX_VALUE - WORD_BYTES) {
          step = Step.LOST;
        } else {
          skip(Step.SKIP, word + WORD_BYTES);
        }
      }
      default -> throw new IllegalStateException(step.name());
    }
  }

  private void header(int type, int length) {
    boolean known = (type > 0 && type <= LAST_KNOWN) || type == READY || type == REASON;
    if (!known || length > MAX_PAYLOAD_BYTES) {
      step = Step.LOST;
      return;
    }
    if (type == SHUT && length == 4) {
      begin(Step.SHUT_VALUE);
    } else if (type == RECV_BITMAP) {
      skip(Step.BITMAP_NAME, length);
    } else {
      skip(Step.SKIP, length);
    }
  }

  private void skip(Step next, long bytes) {
    step = next;
    skip = bytes;
    if (bytes == 0) {
      begin(next == Step.SKIP ? Step.HEADER : Step.BITMAP_SIZE);
    }
  }

  private void begin(Step next) {
    step = next;
    word = 0;
    wanted = next == Step.BITMAP_SIZE ? WORD_BYTES : HEADER_BYTES;
  }
}
