package dev.godwit.transport.tls.engine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.ContentType;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.SecurityParameters;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsUtils;
import org.bouncycastle.tls.crypto.TlsCipher;
import org.bouncycastle.tls.crypto.TlsCryptoParameters;
import org.bouncycastle.tls.crypto.TlsCryptoUtils;
import org.bouncycastle.tls.crypto.TlsDecodeResult;
import org.bouncycastle.tls.crypto.TlsEncodeResult;
import org.bouncycastle.tls.crypto.TlsSecret;
import org.bouncycastle.tls.crypto.impl.TlsImplUtils;

/**
 * Records in AES-128-GCM by the JDK's cipher, in arrays that are used again: TLS 1.3 (RFC 8446 5.2)
 * and 1.2 (RFC 5288). bctls' own does the same in twice the copies, and data need not go through
 * its queues. Sealing and opening share nothing.
 *
 * <pre>
 *   TLS 1.3   23 03 03 length | sealed(content, its type) tag      nonce: iv xor sequence
 *   TLS 1.2   type 03 03 length | sequence | sealed(content) tag   nonce: iv, sequence
 * </pre>
 */
final class BouncyCipher implements TlsCipher {
  private static final int HEADER_BYTES = 5;
  private static final int KEY_BYTES = 16;
  private static final int TAG_BYTES = 16;
  private static final int NONCE_BYTES = 12;
  private static final int SALT_BYTES = 4;
  private static final int EXPLICIT_BYTES = NONCE_BYTES - SALT_BYTES;
  private static final String TRANSFORMATION = "AES/GCM/NoPadding";

  private final TlsCryptoParameters parameters;
  private final boolean newer;

  /** In front of the sealed content: the nonce's own part. */
  private final int explicit;

  /** Behind the content, sealed with it: its type. */
  private final int trailing;

  private final Half sealing;
  private final Half opening;

  private final byte[] plain = new byte[TlsEngine.RECORD_BYTES + 1];
  private final byte[] record = new byte[TlsEngine.SEALED_BYTES];
  private final byte[] opened = new byte[TlsEngine.RECORD_BYTES + 1];
  private long sealed;

  BouncyCipher(TlsCryptoParameters parameters) throws IOException {
    SecurityParameters settled = parameters.getSecurityParametersHandshake();
    this.parameters = parameters;
    this.newer = TlsUtils.isTLSv13(settled.getNegotiatedVersion());
    this.explicit = newer ? 0 : EXPLICIT_BYTES;
    this.trailing = newer ? 1 : 0;
    this.sealing = new Half(Cipher.ENCRYPT_MODE, newer);
    this.opening = new Half(Cipher.DECRYPT_MODE, newer);
    boolean server = parameters.isServer();
    if (newer) {
      sealing.key(settled, server);
      opening.key(settled, !server);
    } else {
      byte[] block = TlsImplUtils.calculateKeyBlock(parameters, 2 * (KEY_BYTES + SALT_BYTES));
      (server ? opening : sealing).key(block, 0, 2 * KEY_BYTES);
      (server ? sealing : opening).key(block, KEY_BYTES, 2 * KEY_BYTES + SALT_BYTES);
      Arrays.fill(block, (byte) 0);
    }
  }

  /** Records sealed since the key was new. */
  long sealed() {
    return sealed;
  }

  /** Seals {@code length} bytes of {@code src} in one record of application data. */
  void seal(ByteBuffer src, int length, ByteBuffer out) throws TlsFatalAlert {
    src.get(plain, 0, length);
    short type = ContentType.application_data;
    int whole = seal(type, length);
    header(record, 0, type, whole - HEADER_BYTES);
    out.put(record, 0, whole);
  }

  /** Overwrites what is left of content. */
  void clear() {
    Arrays.fill(plain, (byte) 0);
    Arrays.fill(opened, (byte) 0);
  }

  @Override
  public TlsEncodeResult encodePlaintext(
      long sequence,
      short type,
      ProtocolVersion version,
      int headerBytes,
      byte[] content,
      int offset,
      int length)
      throws IOException {
    if (headerBytes != HEADER_BYTES) {
      throw new TlsFatalAlert(AlertDescription.internal_error);
    }
    System.arraycopy(content, offset, plain, 0, length);
    int whole = seal(type, length);
    return new TlsEncodeResult(record, 0, whole, newer ? ContentType.application_data : type);
  }

  /** Seals what is in {@link #plain} into {@link #record}, but for the header; its whole length. */
  private int seal(short type, int length) throws TlsFatalAlert {
    long sequence = sealed++;
    int inner = length + trailing;
    if (newer) {
      plain[length] = (byte) type;
    } else {
      putLong(record, HEADER_BYTES, sequence);
    }
    sealing.begin(sequence, type, explicit + inner + TAG_BYTES, length);
    int at = HEADER_BYTES + explicit;
    return at + sealing.end(plain, 0, inner, record, at);
  }

  @Override
  public TlsDecodeResult decodeCiphertext(
      long sequence, short type, ProtocolVersion version, byte[] bytes, int offset, int length)
      throws IOException {
    int at = offset + explicit;
    int inner = length - explicit - TAG_BYTES;
    if (inner < trailing) {
      throw new TlsFatalAlert(AlertDescription.decode_error);
    }
    if (inner > opened.length) {
      throw new TlsFatalAlert(AlertDescription.record_overflow);
    }
    // RFC 5288 3: the nonce's second half is whatever the peer says it is.
    long own = newer ? sequence : getLong(bytes, offset);
    opening.begin(own, sequence, type, length, inner);
    // Elsewhere, since in place is slower.
    opening.end(bytes, at, inner + TAG_BYTES, opened, 0);
    if (!newer) {
      return new TlsDecodeResult(opened, 0, inner, type);
    }
    // Zeros behind the type are padding.
    int last = inner - 1;
    while (last >= 0 && opened[last] == 0) {
      last--;
    }
    if (last < 0) {
      throw new TlsFatalAlert(AlertDescription.unexpected_message);
    }
    return new TlsDecodeResult(opened, 0, last, (short) (opened[last] & 0xff));
  }

  @Override
  public void rekeyEncoder() throws IOException {
    sealing.key(parameters.getSecurityParametersConnection(), parameters.isServer());
    sealed = 0;
  }

  @Override
  public void rekeyDecoder() throws IOException {
    opening.key(parameters.getSecurityParametersConnection(), !parameters.isServer());
  }

  @Override
  public int getCiphertextDecodeLimit(int plaintextLimit) {
    return plaintextLimit + explicit + trailing + TAG_BYTES;
  }

  @Override
  public int getCiphertextEncodeLimit(int plaintextLimit) {
    return getCiphertextDecodeLimit(plaintextLimit);
  }

  @Override
  public int getPlaintextDecodeLimit(int ciphertextLimit) {
    return ciphertextLimit - explicit - trailing - TAG_BYTES;
  }

  @Override
  public int getPlaintextEncodeLimit(int ciphertextLimit) {
    return getPlaintextDecodeLimit(ciphertextLimit);
  }

  @Override
  public boolean usesOpaqueRecordTypeDecode() {
    return newer;
  }

  @Override
  public boolean usesOpaqueRecordTypeEncode() {
    return newer;
  }

  private static void header(byte[] bytes, int at, int type, int length) {
    bytes[at] = (byte) type;
    bytes[at + 1] = 3;
    bytes[at + 2] = 3;
    bytes[at + 3] = (byte) (length >> 8);
    bytes[at + 4] = (byte) length;
  }

  private static void putLong(byte[] bytes, int at, long value) {
    for (int i = 0; i < Long.BYTES; i++) {
      bytes[at + i] = (byte) (value >>> (Long.SIZE - Byte.SIZE - i * Byte.SIZE));
    }
  }

  private static long getLong(byte[] bytes, int at) {
    return ByteBuffer.wrap(bytes, at, Long.BYTES).getLong();
  }

  /** One direction. */
  private static final class Half {
    private final int mode;
    private final boolean newer;
    private final Cipher cipher;
    private final byte[] iv = new byte[NONCE_BYTES];
    private final byte[] nonce = new byte[NONCE_BYTES];
    private final byte[] more;
    private SecretKeySpec key = new SecretKeySpec(new byte[KEY_BYTES], "AES");

    Half(int mode, boolean newer) throws TlsFatalAlert {
      this.mode = mode;
      this.newer = newer;
      this.more = new byte[newer ? HEADER_BYTES : Long.BYTES + HEADER_BYTES];
      try {
        cipher = Cipher.getInstance(TRANSFORMATION);
      } catch (GeneralSecurityException e) {
        throw new TlsFatalAlert(AlertDescription.internal_error, e);
      }
    }

    /** Takes a key and its salt from a block (RFC 5246 6.3). */
    void key(byte[] block, int keyAt, int saltAt) {
      key = new SecretKeySpec(block, keyAt, KEY_BYTES, "AES");
      System.arraycopy(block, saltAt, iv, 0, SALT_BYTES);
    }

    /** Derives a key and its iv (RFC 8446 7.3). */
    void key(SecurityParameters settled, boolean ofServer) throws IOException {
      TlsSecret secret =
          ofServer ? settled.getTrafficSecretServer() : settled.getTrafficSecretClient();
      byte[] bytes = expanded(settled, secret, "key", KEY_BYTES);
      key = new SecretKeySpec(bytes, "AES");
      Arrays.fill(bytes, (byte) 0);
      System.arraycopy(expanded(settled, secret, "iv", NONCE_BYTES), 0, iv, 0, NONCE_BYTES);
    }

    private static byte[] expanded(
        SecurityParameters settled, TlsSecret secret, String label, int length) throws IOException {
      return TlsCryptoUtils.hkdfExpandLabel(
              secret, settled.getPRFCryptoHashAlgorithm(), label, TlsUtils.EMPTY_BYTES, length)
          .extract();
    }

    void begin(long sequence, int type, int fragment, int content) throws TlsFatalAlert {
      begin(sequence, sequence, type, fragment, content);
    }

    /**
     * Sets the nonce, and what is authenticated besides the content.
     *
     * @param own the nonce's changing part
     * @param fragment bytes behind the header
     */
    void begin(long own, long sequence, int type, int fragment, int content) throws TlsFatalAlert {
      putLong(nonce, SALT_BYTES, own);
      System.arraycopy(iv, 0, nonce, 0, SALT_BYTES);
      if (newer) {
        for (int i = SALT_BYTES; i < NONCE_BYTES; i++) {
          nonce[i] ^= iv[i];
        }
        header(more, 0, ContentType.application_data, fragment);
      } else {
        putLong(more, 0, sequence);
        header(more, Long.BYTES, type, content);
      }
      try {
        cipher.init(mode, key, new GCMParameterSpec(TAG_BYTES * Byte.SIZE, nonce));
        cipher.updateAAD(more);
      } catch (GeneralSecurityException e) {
        throw new TlsFatalAlert(AlertDescription.internal_error, e);
      }
    }

    int end(byte[] in, int inAt, int length, byte[] out, int outAt) throws TlsFatalAlert {
      try {
        return cipher.doFinal(in, inAt, length, out, outAt);
      } catch (GeneralSecurityException e) {
        throw new TlsFatalAlert(
            mode == Cipher.DECRYPT_MODE
                ? AlertDescription.bad_record_mac
                : AlertDescription.internal_error,
            e);
      }
    }
  }
}
