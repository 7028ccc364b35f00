package dev.godwit.lab.tls;

import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import dev.godwit.transport.tls.credentials.CredentialsMaker.Host;
import dev.godwit.transport.tls.credentials.CredentialsType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Credentials of every kind for two hosts, as Godwit makes them, and how QEMU and Godwit are told
 * of them. Both hosts are this one, so both have its names.
 */
record TwoHosts(Path hostA, Path hostB, Path keys) {
  /** The id of the credentials object in each QEMU. */
  static final String ID = "tls0";

  /** Whom a pre-shared key lets in. */
  static final String USER = "qemu";

  static TwoHosts make(Path directory) throws IOException {
    List<Path> hosts =
        new CredentialsMaker(directory.resolve("x509"))
            .x509(List.of(host("hosta"), host("hostb")), 30);
    Path keys = directory.resolve("psk");
    new CredentialsMaker(keys).psk(List.of("another", USER));
    return new TwoHosts(hosts.getFirst(), hosts.getLast(), keys);
  }

  private static Host host(String name) {
    return new Host(name, List.of("localhost", "127.0.0.1"));
  }

  /** A machine of host A that dials with these credentials. */
  QemuMachine client(QemuMachine machine, CredentialsType type) {
    return machine.with("-object", object(type, "client", hostA));
  }

  /** A machine of host B that waits with these credentials. */
  QemuMachine server(QemuMachine machine, CredentialsType type) {
    return machine.with("-object", object(type, "server", hostB));
  }

  private String object(CredentialsType type, String endpoint, Path host) {
    String kind = type.name().toLowerCase(Locale.ROOT);
    String head = "tls-creds-" + kind + ",id=" + ID + ",endpoint=" + endpoint;
    return switch (type) {
      case X509 -> head + ",verify-peer=on,dir=" + host;
      case PSK -> head + ",dir=" + keys;
      case ANON -> head;
    };
  }

  /** Godwit on host A dials so. */
  Endpoint dialling(String uri, CredentialsType type) {
    return with(uri, type, hostA);
  }

  /** Godwit on host B waits so. */
  Endpoint waiting(String uri, CredentialsType type) {
    return with(uri, type, hostB);
  }

  /** A unix socket has no host in its address, so the name is given with it. */
  private Endpoint with(String uri, CredentialsType type, Path host) {
    Endpoint plain = Endpoint.parse(uri);
    return switch (type) {
      case X509 ->
          plain.with(
              plain
                  .settings()
                  .with("tls-creds", host.toString())
                  .with("tls-hostname", "localhost"));
      case PSK -> plain.with(plain.settings().with("tls-creds", keys.toString()));
      case ANON -> plain.with(plain.settings().with("tls", "anon"));
    };
  }

  /** The same place as a QEMU is told of it, which has its credentials elsewhere. */
  static String forQemu(Endpoint local) {
    return (local.scheme().equals("tls") ? "tcp" : local.scheme()) + ":" + local.address();
  }
}
