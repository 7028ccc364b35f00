package dev.godwit.migration.engine;

import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What failures say, all in one sentence. */
final class Failures {
  private static final Pattern CHANNEL = Pattern.compile("[Cc]hannel (main|multifd \\d+)");

  private Failures() {}

  /** What happened, and why, as far as it is told. */
  static String sentence(Throwable failure) {
    StringBuilder sentence = new StringBuilder(own(failure));
    for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
      String more = own(cause);
      if (sentence.indexOf(more) < 0) {
        sentence.append(": ").append(more);
      }
    }
    for (Throwable also : failure.getSuppressed()) {
      if (also instanceof GuestFailure) {
        sentence.append("; besides: ").append(sentence(also));
      }
    }
    return sentence.toString();
  }

  private static String own(Throwable failure) {
    String message = failure.getMessage();
    String kind = failure.getClass().getSimpleName();
    if (message == null) {
      return kind;
    }
    // What was not meant to be read says at least what it is.
    return failure instanceof RuntimeException || failure instanceof Error
        ? kind + ": " + message
        : message;
  }

  /** The channel on which it happened, where that is told. */
  static Optional<String> channel(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof StreamException stream) {
        return Optional.of(stream.channel());
      }
      if (cause instanceof MultifdException && cause.getMessage() != null) {
        Matcher matcher = CHANNEL.matcher(cause.getMessage());
        if (matcher.find()) {
          return Optional.of(matcher.group(1));
        }
      }
    }
    return isOfMain(failure) ? Optional.of(MigrationStatistics.MAIN) : Optional.empty();
  }

  /**
   * Multifd channels say who they are; what was refused is no channel yet, or is the peer's say.
   */
  private static boolean isOfMain(Throwable failure) {
    return failure instanceof ChannelException && !(failure instanceof ChannelException.Refused);
  }
}
