package dev.godwit.lab.cli;

import dev.godwit.migration.cli.Subcommand;
import picocli.CommandLine.Command;

/** {@code godwit lab}. */
@Command(
    name = "lab",
    header = "Runs things in the lab: here, a VM with a software RDMA device.",
    footer = {"", "Examples:", "  godwit lab vm -- rping -s -C 1 -a 10.0.2.15"},
    subcommands = VmCommand.class,
    synopsisSubcommandLabel = "COMMAND",
    sortOptions = false)
public final class LabCommand implements Subcommand {
  /** For {@link java.util.ServiceLoader}. */
  public LabCommand() {}
}
