package dev.godwit.lab.tls;

import dev.godwit.migration.cli.CommandFailure;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.cli.Output;
import dev.godwit.transport.tls.credentials.CredentialsException;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import dev.godwit.transport.tls.credentials.CredentialsMaker.Host;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "init",
    mixinStandardHelpOptions = true,
    header = "Makes a certificate authority with certificates of hosts, or pre-shared keys.",
    description = {
      "With --hosts: an authority in DIR, and certificates of a server and of a client for each host. Those of one host are in DIR itself; "
          + "several hosts have a directory DIR/HOST each, to be copied to that host. Where DIR has an authority already, it signs the new "
          + "hosts. With --psk: keys.psk, the same file for both sides. Nothing is ever written over.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit tls init /etc/pki/godwit --hosts hosta=192.0.2.1,hostb=192.0.2.2",
      "  godwit tls init /etc/pki/qemu --hosts localhost",
      "  godwit tls init /etc/pki/psk --psk qemu"
    },
    sortOptions = false)
final class TlsInitCommand implements Callable<Integer> {
  @Parameters(paramLabel = "DIR", description = "Where to write; made if it is not there")
  private Path directory = Path.of("");

  @Option(
      names = "--hosts",
      paramLabel = "HOST[=NAME]",
      split = ",",
      description =
          "DNS names or addresses, with commas between; further names of a host, under which it is dialled, behind equals signs")
  private List<String> hosts = new ArrayList<>();

  @Option(
      names = "--days",
      paramLabel = "N",
      defaultValue = "365",
      description = "How long certificates of hosts are valid (default: ${DEFAULT-VALUE})")
  private int days;

  @Option(
      names = "--psk",
      paramLabel = "USER",
      split = ",",
      description = "Make a key for each of these users instead; QEMU's own user is 'qemu'")
  private List<String> users = new ArrayList<>();

  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws CommandFailure {
    if (hosts.isEmpty() == users.isEmpty()) {
      throw new CommandFailure(
          ExitCode.USAGE, "Say either --hosts, for certificates, or --psk, for pre-shared keys");
    }
    try {
      CredentialsMaker maker = new CredentialsMaker(directory);
      if (users.isEmpty()) {
        certificates(maker);
      } else {
        keys(maker);
      }
      return ExitCode.DONE.code();
    } catch (IllegalArgumentException e) {
      throw new CommandFailure(ExitCode.USAGE, String.valueOf(e.getMessage()));
    } catch (CredentialsException e) {
      throw new CommandFailure(ExitCode.REFUSED_BY_CHECK, String.valueOf(e.getMessage()));
    }
  }

  private void certificates(CredentialsMaker maker) throws CredentialsException {
    List<Host> parsed = hosts.stream().map(Host::parse).toList();
    List<Path> made = maker.x509(parsed, days);
    List<Map<String, Object>> documents = new ArrayList<>();
    for (int i = 0; i < made.size(); i++) {
      Host host = parsed.get(i);
      output.line(made.get(i) + " is for " + String.join(", ", host.names()));
      documents.add(
          Map.of("host", host.name(), "names", host.names(), "directory", made.get(i).toString()));
    }
    output.note(
        directory.resolve("ca-key.pem")
            + " can make further certificates: keep it away from the hosts");
    output.document(
        "tls init", Map.of("type", "x509", "hosts", documents, "exit-code", ExitCode.DONE.code()));
  }

  private void keys(CredentialsMaker maker) throws CredentialsException {
    Path file = maker.psk(users);
    output.line(file + " has keys of " + String.join(", ", users));
    output.document(
        "tls init",
        Map.of(
            "type",
            "psk",
            "users",
            users,
            "directory",
            directory.toString(),
            "exit-code",
            ExitCode.DONE.code()));
  }
}
