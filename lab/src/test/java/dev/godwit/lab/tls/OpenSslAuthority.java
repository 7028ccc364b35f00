package dev.godwit.lab.tls;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A certificate authority of openssl, for certificates that Godwit's own does not make: those that
 * nobody should let in.
 */
final class OpenSslAuthority {
  private static final DateTimeFormatter DATE =
      DateTimeFormatter.ofPattern("yyyyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);

  private static final String CONFIGURATION =
      """
      [ca]
      default_ca = authority
      [authority]
      dir = .
      database = $dir/index.txt
      new_certs_dir = $dir/issued
      serial = $dir/serial
      crlnumber = $dir/crlnumber
      certificate = $dir/ca-cert.pem
      private_key = $dir/ca-key.pem
      default_md = sha256
      default_crl_days = 30
      unique_subject = no
      policy = names
      [names]
      commonName = supplied
      [req]
      distinguished_name = subject
      [subject]
      [self]
      basicConstraints = critical,CA:TRUE
      keyUsage = critical,keyCertSign,cRLSign
      subjectKeyIdentifier = hash
      [server]
      basicConstraints = critical,CA:FALSE
      keyUsage = critical,digitalSignature,keyEncipherment
      extendedKeyUsage = serverAuth
      subjectAltName = DNS:localhost,IP:127.0.0.1
      [client]
      basicConstraints = critical,CA:FALSE
      keyUsage = critical,digitalSignature,keyEncipherment
      extendedKeyUsage = clientAuth
      """;

  private final Path directory;

  private OpenSslAuthority(Path directory) {
    this.directory = directory;
  }

  static OpenSslAuthority make(Path directory, String name) throws Exception {
    Files.createDirectories(directory.resolve("issued"));
    Files.writeString(directory.resolve("index.txt"), "");
    Files.writeString(directory.resolve("serial"), "1000\n");
    Files.writeString(directory.resolve("crlnumber"), "01\n");
    Files.writeString(directory.resolve("openssl.cnf"), CONFIGURATION);
    OpenSslAuthority authority = new OpenSslAuthority(directory);
    authority.key(directory.resolve("ca-key.pem"));
    authority.run(
        "req",
        "-x509",
        "-new",
        "-config",
        "openssl.cnf",
        "-extensions",
        "self",
        "-days",
        "30",
        "-key",
        "ca-key.pem",
        "-subj",
        "/CN=" + name,
        "-out",
        "ca-cert.pem");
    return authority;
  }

  /** Good from a day ago until in a month. */
  Path host(String name) throws Exception {
    return host(name, Instant.now().minus(Duration.ofDays(1)), Duration.ofDays(31));
  }

  /** All that a host of that name needs, in a directory of its own. */
  Path host(String name, Instant from, Duration life) throws Exception {
    Path host = Files.createDirectory(directory.resolve(name));
    Files.copy(directory.resolve("ca-cert.pem"), host.resolve("ca-cert.pem"));
    for (String side : List.of("server", "client")) {
      Path key = host.resolve(side + "-key.pem");
      key(key);
      run(
          "req",
          "-new",
          "-config",
          "openssl.cnf",
          "-key",
          key.toString(),
          "-subj",
          "/CN=" + name,
          "-out",
          "request.pem");
      run(
          "ca",
          "-batch",
          "-notext",
          "-config",
          "openssl.cnf",
          "-extensions",
          side,
          "-startdate",
          DATE.format(from),
          "-enddate",
          DATE.format(from.plus(life)),
          "-in",
          "request.pem",
          "-out",
          host.resolve(side + "-cert.pem").toString());
    }
    return host;
  }

  /** Takes a host's certificates back, and tells {@code others} so. */
  void revoke(Path host, Path... others) throws Exception {
    for (String side : List.of("server", "client")) {
      run("ca", "-config", "openssl.cnf", "-revoke", host.resolve(side + "-cert.pem").toString());
    }
    run("ca", "-config", "openssl.cnf", "-gencrl", "-out", "ca-crl.pem");
    for (Path other : others) {
      Files.copy(directory.resolve("ca-crl.pem"), other.resolve("ca-crl.pem"));
    }
  }

  /** The same host, but it trusts this authority and not its own. */
  Path convinced(Path host) throws IOException {
    Path copy = Files.createDirectory(directory.resolve(host.getFileName() + "-elsewhere"));
    for (String side : List.of("server", "client")) {
      for (String part : List.of("-key.pem", "-cert.pem")) {
        Files.copy(host.resolve(side + part), copy.resolve(side + part));
      }
    }
    Files.copy(directory.resolve("ca-cert.pem"), copy.resolve("ca-cert.pem"));
    return copy;
  }

  private void key(Path file) throws Exception {
    run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "" + file);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  private void run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments));
    Path log = directory.resolve("openssl.log");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    process.getOutputStream().close();
    try {
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue())
        .as("%s: %s", command, Files.readString(log, StandardCharsets.UTF_8))
        .isZero();
  }
}
