package dev.godwit.transport.tls.credentials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are damaged, by chance or on purpose: a sentence, and soon. */
final class DamagedFilesTest {
  private static final int ROUNDS = 400;
  private static final List<String> FILES =
      List.of("ca-cert.pem", "ca-crl.pem", "server-cert.pem", "server-key.pem", "keys.psk");

  @TempDir Path root = Path.of("");

  @Test
  void whateverIsDamagedIsReadOrRefusedWithASentence() throws Exception {
    Seed seed = Seed.of("DamagedFilesTest");
    TestCredentials made = TestCredentials.in(root);
    Path directory = made.host("hosta");
    made.revoke(directory);
    TestCredentials.psk(directory, "qemu", "alice");
    OpenSsl.run(
        directory,
        "openssl pkcs8 -topk8 -passout pass:x -in server-key.pem -out client-key.pem.new");
    Files.move(
        directory.resolve("client-key.pem.new"),
        directory.resolve("client-key.pem"),
        StandardCopyOption.REPLACE_EXISTING);
    Optional<Path> password = Optional.of(TestCredentials.secret(root.resolve("password"), "x"));
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Random random = seed.random(round);
      String name = round % 6 == 5 ? "client-key.pem" : FILES.get(random.nextInt(FILES.size()));
      Path file = directory.resolve(name);
      byte[] good = Files.readAllBytes(file);
      Files.write(
          file, random.nextBoolean() ? damagedText(good, random) : damagedDer(good, random));
      refused +=
          assertTimeoutPreemptively(
              Duration.ofSeconds(20), () -> refusals(directory, password), "round " + round);
      Files.write(file, good);
    }

    assertThat(refusals(directory, Optional.empty())).as("the client's key is not its own").isOne();
    assertThat(refused).isGreaterThan(ROUNDS);
  }

  private static int refusals(Path directory, Optional<Path> password) {
    int refused = 0;
    CredentialsDirectory read = new CredentialsDirectory(directory);
    try {
      read.x509(Side.SERVER, Optional.empty(), true).close();
    } catch (CredentialsException e) {
      refused += sentence(e);
    }
    try {
      read.x509(Side.CLIENT, password, true).close();
    } catch (CredentialsException e) {
      refused += sentence(e);
    }
    try {
      read.psk(Side.SERVER, "qemu").close();
    } catch (CredentialsException e) {
      refused += sentence(e);
    }
    return refused;
  }

  private static int sentence(CredentialsException e) {
    assertThat(String.valueOf(e.getMessage())).matches("[A-Z/][^\\n]*[^.\\n]");
    return 1;
  }

  private static byte[] damagedText(byte[] good, Random random) {
    byte[] bad = good.clone();
    switch (random.nextInt(3)) {
      case 0 -> bad = Arrays.copyOf(bad, random.nextInt(bad.length));
      case 1 -> {
        for (int i = 0; i < 1 + random.nextInt(5); i++) {
          bad[random.nextInt(bad.length)] = (byte) random.nextInt();
        }
      }
      default -> {
        int at = random.nextInt(bad.length);
        System.arraycopy(good, 0, bad, at, Math.min(good.length - at, random.nextInt(200)));
      }
    }
    return bad;
  }

  /** The same block with a few bytes inside that are wrong, which a PEM reader cannot see. */
  private static byte[] damagedDer(byte[] good, Random random) throws CredentialsException {
    List<PemBlock> blocks = PemBlock.parse(good, Path.of("good"));
    if (blocks.isEmpty()) {
      return damagedText(good, random);
    }
    byte[] der = blocks.getFirst().der().clone();
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      der[random.nextInt(Math.min(der.length, 1 + random.nextInt(der.length)))] =
          (byte) random.nextInt();
    }
    return PemBlock.text(blocks.getFirst().label(), der);
  }
}
