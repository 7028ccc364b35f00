package dev.godwit.transport;

/** What stands between the bytes of a channel and somebody who can watch or change the medium. */
public enum Protection {
  /** Bytes cross a network in clear. */
  NONE,
  /** Where bytes go cannot be seen from here, as behind a command. */
  UNKNOWN,
  /** Bytes never leave this host; the kernel's permissions guard them. */
  LOCAL,
  /** Bytes are encrypted and authenticated. */
  ENCRYPTED
}
