package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.Hello;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A session's 128-bit secret, what names it in public, and what proves that somebody knows it
 * (docs/sessions.md, "Hello").
 */
final class SessionId {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int SHOWN_CHARACTERS = 8;

  private final byte[] secret;
  private final byte[] locator;

  private SessionId(byte[] secret) {
    this.secret = secret.clone();
    this.locator = Arrays.copyOf(digest("godwit session locator", this.secret), Hello.ID_BYTES);
  }

  static SessionId random() {
    return new SessionId(nonce());
  }

  static SessionId of(byte[] secret) {
    return new SessionId(secret);
  }

  /** 128 bits that nobody has seen before. */
  static byte[] nonce() {
    byte[] bytes = new byte[Hello.NONCE_BYTES];
    RANDOM.nextBytes(bytes);
    return bytes;
  }

  byte[] secret() {
    return secret.clone();
  }

  byte[] locator() {
    return locator.clone();
  }

  /** How a locator is written where it is a key. */
  static String name(byte[] locator) {
    return HexFormat.of().formatHex(locator);
  }

  /** What the side that plays {@code role} sends to prove that it knows the secret. */
  byte[] proof(String role, byte[] diallersNonce, byte[] acceptorsNonce, int rail) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secret, "HmacSHA256"));
      mac.update(role.getBytes(StandardCharsets.US_ASCII));
      mac.update(diallersNonce);
      mac.update(acceptorsNonce);
      mac.update((byte) (rail >> 8));
      mac.update((byte) rail);
      return mac.doFinal();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java has HmacSHA256", e);
    }
  }

  private static byte[] digest(String label, byte[] secret) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(label.getBytes(StandardCharsets.US_ASCII));
      return digest.digest(secret);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  /** The beginning of the locator, for logs: it proves nothing. */
  @Override
  public String toString() {
    return name(locator).substring(0, SHOWN_CHARACTERS);
  }
}
