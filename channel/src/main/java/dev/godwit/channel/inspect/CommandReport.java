package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.Command;

/**
 * One command.
 *
 * @param offset of its head
 * @param inPackage whether it came in a postcopy package
 */
public record CommandReport(Command command, long offset, boolean inPackage) {
  /** Its head and payload; what a package embeds is not counted. */
  public long bytes() {
    return Command.HEADER_BYTES + (long) command.payloadBytes();
  }

  /** QEMU's name without its prefix, such as {@code OPEN_RETURN_PATH}. */
  public String name() {
    return switch (command) {
      case Command.OpenReturnPath ignored -> "OPEN_RETURN_PATH";
      case Command.Ping ignored -> "PING";
      case Command.PostcopyAdvise ignored -> "POSTCOPY_ADVISE";
      case Command.PostcopyListen ignored -> "POSTCOPY_LISTEN";
      case Command.PostcopyRun ignored -> "POSTCOPY_RUN";
      case Command.PostcopyRamDiscard ignored -> "POSTCOPY_RAM_DISCARD";
      case Command.Packaged ignored -> "PACKAGED";
      case Command.EnableColo ignored -> "ENABLE_COLO";
      case Command.PostcopyResume ignored -> "POSTCOPY_RESUME";
      case Command.RecvBitmap ignored -> "RECV_BITMAP";
      case Command.SwitchoverStart ignored -> "SWITCHOVER_START";
    };
  }
}
