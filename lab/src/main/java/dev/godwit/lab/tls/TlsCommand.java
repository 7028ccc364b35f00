package dev.godwit.lab.tls;

import dev.godwit.migration.cli.Subcommand;
import picocli.CommandLine.Command;

/** {@code godwit tls}. */
@Command(
    name = "tls",
    header = "Makes the credentials of TLS, and shows when they expire.",
    description = {
      "Directories are in QEMU's layout: QEMU (tls-creds-x509, tls-creds-psk), libvirt and Godwit (tls-creds=DIR in a URI) use them as they "
          + "are.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit tls init /etc/pki/godwit --hosts hosta=192.0.2.1,hostb=192.0.2.2",
      "  godwit tls show /etc/pki/godwit"
    },
    subcommands = {TlsInitCommand.class, TlsShowCommand.class},
    synopsisSubcommandLabel = "COMMAND",
    sortOptions = false)
public final class TlsCommand implements Subcommand {
  /** For {@link java.util.ServiceLoader}. */
  public TlsCommand() {}
}
