package dev.godwit.transport.rdma.wire;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Why a connection is refused: the private data of a rejection, a sentence with zeros behind it.
 */
public final class Refusal {
  /** As long as a rejection can be over InfiniBand and RoCE. */
  public static final int MAX_BYTES = 148;

  private Refusal() {}

  /** The sentence as it travels, cut at a whole character if it is too long. */
  public static byte[] encode(String sentence) {
    return Text.encode(sentence, MAX_BYTES);
  }

  /** What a rejection says, empty if it says nothing that can be read. */
  public static String decode(byte[] data) {
    int length = 0;
    while (length < Math.min(data.length, MAX_BYTES) && data[length] != 0) {
      length++;
    }
    try {
      return Text.printable(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data, 0, length)).toString());
    } catch (CharacterCodingException e) {
      return "";
    }
  }
}
