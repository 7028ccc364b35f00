package dev.godwit.transport.rdma.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Seed;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class FrameTest {
  private static final List<Control> CONTROLS =
      List.of(
          new Control.Barrier(7),
          new Control.BarrierMet(8),
          new Control.End(),
          new Control.Abort("The disk is full"),
          new Control.Advertise(3, 1L << 40, true, "pc.ram"),
          new Control.KeyRequest(1, 2, 3),
          new Control.Keys(1, 2, 3, -4, -5),
          new Control.Release(0xffff, 2, Long.MAX_VALUE - 2),
          new Control.Released(0, 0, 1),
          new Control.Forget(65535));

  static ByteBuffer frame(Control control) {
    ByteBuffer frame = ByteBuffer.allocateDirect(1024);
    int length = control.encode(frame);
    Frame.encode(frame, control.type(), 1, 2, length, 3);
    return frame;
  }

  private static byte[] bytes(ByteBuffer frame) {
    byte[] bytes = new byte[Frame.HEADER_BYTES + Frame.payloadBytes(frame)];
    frame.get(0, bytes);
    return bytes;
  }

  @Test
  void looksLikeThisOnTheWire() {
    ByteBuffer frame = frame(new Control.Keys(5, 0x100000, 0x200000, 0x7f0011223344L, 0x99aabbcc));
    assertThat(HexFormat.of().formatHex(bytes(frame)))
        .isEqualTo(
            "0900000100020000"
                + "0000002000000000"
                + "0000000000000003"
                + "00000005"
                + "0000000000100000"
                + "0000000000200000"
                + "00007f0011223344"
                + "99aabbcc");
  }

  @Test
  void whatIsEncodedIsDecoded() throws Exception {
    for (Control control : CONTROLS) {
      ByteBuffer frame = frame(control);
      FrameType type = Frame.check(frame, Frame.HEADER_BYTES + Frame.payloadBytes(frame));
      assertThat(type).isEqualTo(control.type());
      assertThat(Frame.streamCredits(frame)).isEqualTo(1);
      assertThat(Frame.controlCredits(frame)).isEqualTo(2);
      assertThat(Frame.landed(frame)).isEqualTo(3);
      assertThat(Control.decode(type, frame)).isEqualTo(control);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 13, 127, 128, 255})
  void anUnknownTypeIsAViolation(int type) {
    ByteBuffer frame = frame(new Control.End()).put(0, (byte) type);
    assertThatThrownBy(() -> Frame.check(frame, Frame.HEADER_BYTES))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("type " + type);
  }

  @Test
  void alengthThatIsNotThatOfTheFrameIsAViolation() {
    ByteBuffer frame = frame(new Control.Barrier(1));
    for (int received : new int[] {-1, 0, 1, 23, 24, 31, 33, 1024, 1025, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> Frame.check(frame, received))
          .as("%d received", received)
          .isInstanceOf(ChannelException.Violated.class);
    }
    frame.putInt(8, -16);
    assertThatThrownBy(() -> Frame.check(frame, 32)).isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void aCutOrLongerControlFrameIsAViolation() {
    for (Control control : CONTROLS) {
      if (control instanceof Control.Abort) {
        continue;
      }
      ByteBuffer frame = frame(control);
      int length = Frame.payloadBytes(frame);
      for (int other = 0; other <= Control.MAX_PAYLOAD_BYTES + 1; other++) {
        boolean name = control instanceof Control.Advertise && other > 13 && other <= 13 + 255;
        if (other == length || name) {
          continue;
        }
        frame.putInt(8, other);
        assertThatThrownBy(() -> Control.decode(control.type(), frame))
            .as("%s with %d bytes", control, other)
            .isInstanceOf(ChannelException.Violated.class);
      }
    }
  }

  @Test
  void aRangeThatOverflowsIsAViolation() {
    for (Control bad :
        List.of(
            new Control.KeyRequest(1, -1, 1),
            new Control.KeyRequest(1, 1, -1),
            new Control.KeyRequest(1, 1, 0),
            new Control.KeyRequest(1, Long.MAX_VALUE, 1),
            new Control.KeyRequest(-1, 0, 1),
            new Control.KeyRequest(65536, 0, 1),
            new Control.Release(1, 1, Long.MAX_VALUE),
            new Control.Keys(1, -1, 1, 0, 0),
            new Control.Advertise(0, -1, false, "x"),
            new Control.Forget(65536))) {
      assertThatThrownBy(() -> Control.decode(bad.type(), frame(bad)))
          .as("%s", bad)
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void aNameOrSentenceThatIsNotUtf8IsAViolation() {
    ByteBuffer name = frame(new Control.Advertise(0, 1, false, "xx")).put(37, (byte) 0xff);
    assertThatThrownBy(() -> Control.decode(FrameType.ADVERTISE, name))
        .isInstanceOf(ChannelException.Violated.class);
    ByteBuffer why = frame(new Control.Abort("xx")).put(24, (byte) 0xff);
    assertThatThrownBy(() -> Control.decode(FrameType.ABORT, why))
        .isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void garbageIsDecodedOrRefusedAndNothingElse() {
    Seed seed = Seed.of("garbageIsDecodedOrRefusedAndNothingElse");
    Random random = seed.random();
    ByteBuffer frame = ByteBuffer.allocate(512);
    for (int i = 0; i < 100_000; i++) {
      random.nextBytes(frame.array());
      int received = random.nextInt(520);
      frame.put(0, (byte) random.nextInt(14));
      if (random.nextInt(4) > 0) {
        frame.putInt(8, received - Frame.HEADER_BYTES);
      }
      try {
        FrameType type = Frame.check(frame, received);
        if (type == FrameType.STREAM) {
          ItemReader.check(frame, (region, offset, length) -> {});
        } else if (type != FrameType.CREDIT) {
          Control.decode(type, frame);
        }
      } catch (ChannelException.Violated expected) {
        // As it should be.
      } catch (ChannelException | RuntimeException e) {
        throw new AssertionError("round " + i + " of " + seed, e);
      }
    }
  }
}
