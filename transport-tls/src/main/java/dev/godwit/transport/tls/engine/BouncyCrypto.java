package dev.godwit.transport.tls.engine;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.Optional;
import org.bouncycastle.jcajce.util.DefaultJcaJceHelper;
import org.bouncycastle.tls.EncryptionAlgorithm;
import org.bouncycastle.tls.crypto.TlsCipher;
import org.bouncycastle.tls.crypto.TlsCryptoParameters;
import org.bouncycastle.tls.crypto.impl.jcajce.JcaTlsCrypto;

/** The JDK's cryptography for bctls, with records of our own. */
final class BouncyCrypto extends JcaTlsCrypto {
  private Optional<BouncyCipher> latest = Optional.empty();

  BouncyCrypto(SecureRandom random) {
    super(new DefaultJcaJceHelper(), random, random);
  }

  /** What seals and opens since the handshake's last step that changed keys; empty before any. */
  Optional<BouncyCipher> latest() {
    return latest;
  }

  @Override
  public TlsCipher createCipher(TlsCryptoParameters parameters, int algorithm, int mac)
      throws IOException {
    if (algorithm != EncryptionAlgorithm.AES_128_GCM) {
      return super.createCipher(parameters, algorithm, mac);
    }
    BouncyCipher cipher = new BouncyCipher(parameters);
    latest = Optional.of(cipher);
    return cipher;
  }
}
