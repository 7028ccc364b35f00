package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import dev.godwit.transport.tls.credentials.PskCredentials;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.List;

/** A connection within this process, for the sake of what it gets loaded and compiled. */
final class WarmUp {
  private static final int KEY_BYTES = 32;

  /** Enough for the JDK's AES-GCM to reach its intrinsics. */
  private static final int RECORDS = 512;

  private static final int MOST_TURNS = 20;

  private WarmUp() {}

  static void of(TlsEngines.Kind kind) {
    switch (kind) {
      case BORINGSSL -> BoringSslLibrary.load();
      case BOUNCY_CASTLE -> bouncyCastle();
      case JSSE -> {}
    }
  }

  private static void bouncyCastle() {
    byte[] key = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(key);
    try (PskCredentials credentials =
            new PskCredentials(List.of(new PreSharedKey("warm-up", key)));
        TlsEngine client = BouncyEngines.client(credentials);
        TlsEngine server = BouncyEngines.server(credentials)) {
      ByteBuffer up = ByteBuffer.allocateDirect(2 * TlsEngine.SEALED_BYTES).limit(0);
      ByteBuffer down = ByteBuffer.allocateDirect(2 * TlsEngine.SEALED_BYTES).limit(0);
      boolean done = false;
      for (int turn = 0; turn < MOST_TURNS && !done; turn++) {
        boolean there = step(client, down, up);
        done = step(server, up, down) && there;
      }
      ByteBuffer plain = ByteBuffer.allocateDirect(TlsEngine.RECORD_BYTES);
      for (int i = 0; done && i < RECORDS; i++) {
        client.seal(plain.clear(), up.clear());
        server.open(up.flip(), plain.clear());
      }
    } catch (ChannelException e) {
      // Whoever makes a connection will hear of it.
      return;
    }
  }

  private static boolean step(TlsEngine engine, ByteBuffer in, ByteBuffer wire)
      throws ChannelException {
    wire.compact();
    try {
      return engine.handshake(in, wire) == TlsEngine.Handshake.DONE;
    } finally {
      wire.flip();
    }
  }
}
