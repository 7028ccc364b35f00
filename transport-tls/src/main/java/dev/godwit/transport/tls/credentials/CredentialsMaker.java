package dev.godwit.transport.tls.credentials;

import dev.godwit.transport.tls.credentials.CertificateAuthority.Issued;
import dev.godwit.transport.tls.credentials.CertificateAuthority.Use;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Makes directories of credentials that QEMU, libvirt and Godwit can use as they are (qemu-wire.md
 * §7). Never writes over a file that is there. Directories have mode 0700, files 0600.
 */
public final class CredentialsMaker {
  /** An authority outlives the certificates of its hosts by being made for so long. */
  private static final Duration AUTHORITY_LIFE = Duration.ofDays(3650);

  /** Clocks of two hosts differ. */
  private static final Duration BEFORE_NOW = Duration.ofHours(1);

  private static final int MOST_DAYS = 36_500;
  private static final int PSK_BYTES = 32;
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY_DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path directory;

  /**
   * @param directory where to write; made if it is not there
   */
  public CredentialsMaker(Path directory) {
    this.directory = directory;
  }

  /**
   * A host of the certificates to make.
   *
   * @param name its common name, and the name of its directory
   * @param names DNS names and addresses under which it is dialled, {@code name} among them
   */
  public record Host(String name, List<String> names) {
    public Host {
      LinkedHashSet<String> all = new LinkedHashSet<>();
      all.add(name);
      all.addAll(names);
      names = List.copyOf(all);
    }

    /**
     * Parses {@code hosta}, {@code 192.0.2.1} or {@code hosta=192.0.2.1=hosta.example}.
     *
     * @throws IllegalArgumentException if a name is neither a DNS name nor an address; the message
     *     is one sentence
     */
    public static Host parse(String text) {
      List<String> names = List.of(text.split("=", -1));
      names.forEach(HostName::requireValid);
      if (names.getFirst().startsWith("*")) {
        throw new IllegalArgumentException(
            "A host needs a name of its own beside '" + names.getFirst() + "'");
      }
      List<String> all = new ArrayList<>(names);
      if (names.getFirst().equals("localhost")) {
        all.addAll(List.of("127.0.0.1", "::1"));
      }
      return new Host(names.getFirst(), all);
    }
  }

  /**
   * Makes a certificate authority, unless the directory has one with its key, and for each host the
   * certificates of a server and of a client. One host's are in the directory itself, several have
   * a directory each that is named after the host and has all that this host needs.
   *
   * @param days how long certificates of hosts are valid
   * @return the directories that are ready to be used, in the order of the hosts
   * @throws CredentialsException if one of the files is there already
   */
  public List<Path> x509(List<Host> hosts, int days) throws CredentialsException {
    if (hosts.isEmpty()) {
      throw new IllegalArgumentException("Certificates are made for one host at least");
    }
    if (days < 1 || days > MOST_DAYS) {
      throw new IllegalArgumentException(
          "Certificates can be valid for 1 to " + MOST_DAYS + " days, not " + days);
    }
    Set<String> seen = new HashSet<>();
    for (Host host : hosts) {
      if (!seen.add(host.name())) {
        throw new IllegalArgumentException("Host " + host.name() + " is named twice");
      }
    }
    boolean single = hosts.size() == 1 && !hasAuthority();
    List<Path> directories =
        hosts.stream().map(h -> single ? directory : directory.resolve(h.name())).toList();
    for (Path host : directories) {
      refuseIfPresent(
          host, CredentialsDirectory.SERVER_CERTIFICATE, CredentialsDirectory.SERVER_KEY);
      refuseIfPresent(
          host, CredentialsDirectory.CLIENT_CERTIFICATE, CredentialsDirectory.CLIENT_KEY);
      if (!host.equals(directory)) {
        refuseIfPresent(host, CredentialsDirectory.AUTHORITIES);
      }
    }
    Instant now = Instant.now();
    try {
      CertificateAuthority authority = authority(now, days);
      for (int i = 0; i < directories.size(); i++) {
        host(directories.get(i), hosts.get(i), authority, now, days);
      }
      return directories;
    } catch (GeneralSecurityException e) {
      throw new CredentialsException("Cannot make certificates in " + directory, e);
    }
  }

  /**
   * Makes {@code keys.psk} with a random key for each user.
   *
   * @return the file
   * @throws CredentialsException if it is there already
   */
  public Path psk(List<String> users) throws CredentialsException {
    if (users.isEmpty()) {
      throw new IllegalArgumentException("Keys are made for one user at least");
    }
    Set<String> seen = new HashSet<>();
    for (String user : users) {
      if (user.isBlank()
          || user.startsWith("#")
          || user.chars().anyMatch(c -> c == ':' || c <= ' ' || Character.isISOControl(c))
          || user.getBytes(StandardCharsets.UTF_8).length > PskFile.MOST_IDENTITY_BYTES) {
        throw new IllegalArgumentException(
            "A user is named by 1 to "
                + PskFile.MOST_IDENTITY_BYTES
                + " bytes without space, colon or leading #, not '"
                + user
                + "'");
      }
      if (!seen.add(user)) {
        throw new IllegalArgumentException("User " + user + " is named twice");
      }
    }
    refuseIfPresent(directory, CredentialsDirectory.KEYS);
    byte[][] lines = new byte[users.size()][];
    byte[] key = new byte[PSK_BYTES];
    SecureRandom random = new SecureRandom();
    for (int i = 0; i < lines.length; i++) {
      random.nextBytes(key);
      lines[i] = line(users.get(i), key);
    }
    Arrays.fill(key, (byte) 0);
    try {
      Path file = directory.resolve(CredentialsDirectory.KEYS);
      makeDirectory(directory);
      write(file, lines);
      return file;
    } finally {
      for (byte[] line : lines) {
        Arrays.fill(line, (byte) 0);
      }
    }
  }

  private static byte[] line(String user, byte[] key) {
    byte[] name = user.getBytes(StandardCharsets.UTF_8);
    byte[] line = Arrays.copyOf(name, name.length + 1 + 2 * key.length + 1);
    HexFormat hex = HexFormat.of();
    int at = name.length;
    line[at++] = ':';
    for (byte b : key) {
      line[at++] = (byte) hex.toHighHexDigit(b);
      line[at++] = (byte) hex.toLowHexDigit(b);
    }
    line[at] = '\n';
    return line;
  }

  private boolean hasAuthority() {
    return Files.exists(directory.resolve(CredentialsDirectory.AUTHORITIES));
  }

  /** The one that is there with its key, or a new one. */
  private CertificateAuthority authority(Instant now, int days)
      throws CredentialsException, GeneralSecurityException {
    Path certificate = directory.resolve(CredentialsDirectory.AUTHORITIES);
    Path key = directory.resolve(CredentialsDirectory.AUTHORITY_KEY);
    if (!Files.exists(certificate)) {
      refuseIfPresent(directory, CredentialsDirectory.AUTHORITY_KEY);
      byte[] id = new byte[4];
      new SecureRandom().nextBytes(id);
      Instant until = now.plus(AUTHORITY_LIFE).plus(Duration.ofDays(days));
      // A name of its own, so that two authorities are not taken for one another.
      CertificateAuthority made =
          CertificateAuthority.create(
              "Godwit migration CA " + HexFormat.of().formatHex(id), now.minus(BEFORE_NOW), until);
      makeDirectory(directory);
      write(key, made.key());
      write(certificate, List.of(made.certificate()));
      return made;
    }
    if (!Files.exists(key)) {
      throw new CredentialsException(
          certificate
              + " is there already, without its key "
              + CredentialsDirectory.AUTHORITY_KEY
              + ": name an empty directory");
    }
    X509Certificate known = CredentialsDirectory.certificates(certificate).getFirst();
    PrivateKey secret = KeyFile.read(key, Optional.empty());
    KeyFile.requireMatch(secret, key, known, certificate);
    CertificateRules.requireAuthority(known, certificate, now);
    return new CertificateAuthority(known, secret);
  }

  private void host(Path where, Host host, CertificateAuthority authority, Instant now, int days)
      throws CredentialsException, GeneralSecurityException {
    Instant from = now.minus(BEFORE_NOW);
    Instant until = now.plus(Duration.ofDays(days));
    Instant end = authority.certificate().getNotAfter().toInstant();
    Instant bounded = until.isAfter(end) ? end : until;
    makeDirectory(where);
    if (!where.equals(directory)) {
      write(where.resolve(CredentialsDirectory.AUTHORITIES), List.of(authority.certificate()));
    }
    Issued server = authority.issue(host.name(), host.names(), Use.SERVER, from, bounded);
    write(where.resolve(CredentialsDirectory.SERVER_KEY), server.key());
    write(where.resolve(CredentialsDirectory.SERVER_CERTIFICATE), List.of(server.certificate()));
    Issued client = authority.issue(host.name(), host.names(), Use.CLIENT, from, bounded);
    write(where.resolve(CredentialsDirectory.CLIENT_KEY), client.key());
    write(where.resolve(CredentialsDirectory.CLIENT_CERTIFICATE), List.of(client.certificate()));
  }

  private static void refuseIfPresent(Path where, String... names) throws CredentialsException {
    for (String name : names) {
      Path file = where.resolve(name);
      if (Files.exists(file)) {
        throw new CredentialsException(
            file + " is there already and is not written over: name an empty directory");
      }
    }
  }

  static void makeDirectory(Path directory) throws CredentialsException {
    try {
      if (!Files.isDirectory(directory)) {
        Files.createDirectories(directory, OWNER_ONLY_DIRECTORY);
      }
    } catch (IOException e) {
      throw CredentialsFile.failed("Cannot make the directory " + directory, e);
    }
  }

  static void write(Path file, List<X509Certificate> certificates)
      throws CredentialsException, GeneralSecurityException {
    byte[][] blocks = new byte[certificates.size()][];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = PemBlock.text("CERTIFICATE", certificates.get(i).getEncoded());
    }
    write(file, blocks);
  }

  static void write(Path file, X509CRL list) throws CredentialsException, GeneralSecurityException {
    write(file, PemBlock.text("X509 CRL", list.getEncoded()));
  }

  static void write(Path file, PrivateKey key) throws CredentialsException {
    byte[] der = key.getEncoded();
    byte[] text = PemBlock.text("PRIVATE KEY", der);
    Arrays.fill(der, (byte) 0);
    try {
      write(file, text);
    } finally {
      Arrays.fill(text, (byte) 0);
    }
  }

  private static void write(Path file, byte[]... parts) throws CredentialsException {
    try (FileChannel channel =
        FileChannel.open(
            file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OWNER_ONLY)) {
      for (byte[] part : parts) {
        ByteBuffer left = ByteBuffer.wrap(part);
        while (left.hasRemaining()) {
          channel.write(left);
        }
      }
    } catch (FileAlreadyExistsException e) {
      throw new CredentialsException(file + " is there already and is not written over", e);
    } catch (IOException e) {
      throw CredentialsFile.failed("Cannot write " + file, e);
    }
  }
}
