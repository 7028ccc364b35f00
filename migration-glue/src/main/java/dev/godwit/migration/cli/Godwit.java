package dev.godwit.migration.cli;

import dev.godwit.migration.drive.DriveException;
import dev.godwit.migration.qemu.SettingsException;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.EndpointException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** The {@code godwit} command. */
@Command(
    name = "godwit",
    mixinStandardHelpOptions = true,
    version = "godwit 0.1.0",
    header = "Moves running virtual machines between hosts.",
    description =
        "Live-migration transports for QEMU/KVM: a proxy between real QEMUs, and a driver of both ends.",
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    sortOptions = false)
public final class Godwit {
  private Godwit() {}

  /** Runs the command line and exits with its code. */
  public static void main(String[] args) {
    // Before the first logger is made: the logging configuration reads it.
    System.setProperty("godwit.log.level", level(args));
    System.exit(commandLine().execute(args));
  }

  /** The whole command line, ready to execute. */
  static CommandLine commandLine() {
    CommandLine line = new CommandLine(new Godwit());
    line.addSubcommand(new ProxyCommand());
    line.addSubcommand(new SendCommand());
    line.addSubcommand(new ReceiveCommand());
    line.addSubcommand(new InspectCommand());
    line.addSubcommand(new TransportsCommand());
    line.addSubcommand(new ExplainCommand());
    for (Subcommand subcommand : ServiceLoader.load(Subcommand.class)) {
      line.addSubcommand(subcommand);
    }
    line.addSubcommand(new HelpCommand());
    line.getCommandSpec().usageMessage().exitCodeList(exitCodes());
    for (CommandLine subcommand : line.getSubcommands().values()) {
      if (!(subcommand.getCommand() instanceof HelpCommand)) {
        subcommand.getCommandSpec().mixinStandardHelpOptions(true);
      }
    }
    line.setParameterExceptionHandler(Godwit::usage);
    line.setExecutionExceptionHandler(Godwit::failure);
    return line;
  }

  private static Map<String, String> exitCodes() {
    Map<String, String> codes = new LinkedHashMap<>();
    for (ExitCode code : ExitCode.values()) {
      codes.put(Integer.toString(code.code()), code.meaning());
    }
    return codes;
  }

  private static int usage(ParameterException e, String[] args) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    Output.failure(
        e.getCommandLine(),
        Arrays.asList(args),
        ExitCode.USAGE,
        Objects.requireNonNullElse(e.getMessage(), "The arguments make no sense"));
    e.getCommandLine().getErr().println("Try '" + command + " --help'");
    return ExitCode.USAGE.code();
  }

  private static int failure(Exception e, CommandLine line, ParseResult parsed) {
    ExitCode code;
    String sentence;
    switch (e) {
      case CommandFailure failure -> {
        code = failure.code();
        sentence = failure.sentence();
      }
      case DriveException refused -> {
        code = ExitCode.REFUSED_BY_CHECK;
        sentence = refused.getMessage();
      }
      case SettingsException refused -> {
        code =
            refused.kind() == SettingsException.Kind.USAGE
                ? ExitCode.USAGE
                : ExitCode.REFUSED_BY_CHECK;
        sentence = String.valueOf(refused.getMessage());
      }
      case QmpException failure -> {
        code = ExitCode.of(failure);
        sentence = String.valueOf(failure.getMessage());
      }
      case EndpointException wrong -> {
        code = ExitCode.USAGE;
        sentence = String.valueOf(wrong.getMessage());
      }
      case ChannelException failure -> {
        code = ExitCode.of(failure);
        sentence = failure.getMessage();
      }
      default -> {
        e.printStackTrace(line.getErr());
        code = ExitCode.BUG;
        sentence = "Godwit itself is at fault: " + e;
      }
    }
    Output.failure(line, parsed.originalArgs(), code, sentence);
    return code.code();
  }

  private static String level(String[] args) {
    if (Arrays.asList(args).contains("-v") || Arrays.asList(args).contains("--verbose")) {
      return "DEBUG";
    }
    return Arrays.asList(args).contains("-q") || Arrays.asList(args).contains("--quiet")
        ? "ERROR"
        : "INFO";
  }
}
