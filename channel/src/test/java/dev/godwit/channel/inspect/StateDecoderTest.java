package dev.godwit.channel.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.Wired;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class StateDecoderTest {
  private static Field field(String name, String type, long bytes) {
    return new Field(name, type, bytes, 1, Optional.empty());
  }

  private static StateDescription layout(Field... fields) {
    return new StateDescription("layout", 1, List.of(fields), List.of());
  }

  private static DecodedState decode(String hex, StateDescription description) throws Exception {
    byte[] body = Wired.hex(hex);
    assertThat(description.bodyBytes()).isEqualTo(body.length);
    return new StateDecoder().decode(body, description);
  }

  @ParameterizedTest
  @CsvSource({
    "int8, FF, -1",
    "uint8, FF, 255",
    "int16, 8000, -32768",
    "uint16, 8000, 32768",
    "int32, FFFFFFFE, -2",
    "uint32, FFFFFFFE, 4294967294",
    "int64, FFFFFFFFFFFFFFFF, -1",
    "uint64, FFFFFFFFFFFFFFFF, 18446744073709551615",
    "timer, FFFFFFFFFFFFFFFF, -1",
    "int32 equal, 00000004, 4",
    "int32 le, 00000004, 4",
    "bool, 00, false",
    "bool, 02, true",
    "nullptr, 30, none",
    "nullptr, 31, 31",
    "buffer, 0102, 0102",
    "uint32, 0102, 0102",
    "pci irq state, 00000001, 00000001",
  })
  void readsAValueByItsTypeAndSize(String type, String hex, String shown) throws Exception {
    DecodedState state = decode(hex, layout(field("f", type, hex.length() / 2)));

    assertThat(state.value("f").orElseThrow()).hasToString(shown);
  }

  @Test
  void readsArraysOfStructures() throws Exception {
    StateDescription inside = layout(field("a", "uint8", 1), field("b", "uint16", 2));
    StateDescription outside =
        layout(new Field("s", "struct", 3, 2, Optional.of(inside)), field("after", "uint8", 1));

    DecodedState state = decode("01 0002 03 0004 05", outside);

    Value.Items items = (Value.Items) state.value("s").orElseThrow();
    DecodedState second = ((Value.Struct) items.values().get(1)).state();
    assertThat(second.value("b").orElseThrow()).hasToString("4");
    assertThat(second.fields().getFirst().offset()).isEqualTo(3);
    assertThat(state.value("after").orElseThrow()).hasToString("5");
  }

  /** QEMU lists elements that differ one by one, and the last of them without its number. */
  @Test
  void whatIsListedOneByOneIsOneList() throws Exception {
    DecodedState state =
        decode(
            "01 02 03 04 05",
            layout(
                field("config[0]", "uint8", 1),
                field("bus[0]", "uint8", 1),
                field("bus[1]", "uint8", 1),
                field("bus", "uint8", 1),
                field("end", "uint8", 1)));

    assertThat(state.fields())
        .extracting(DecodedState.Field::name)
        .containsExactly("config[0]", "bus", "end");
    assertThat(((Value.Items) state.value("bus").orElseThrow()).values())
        .extracting(Value::toString)
        .containsExactly("2", "3", "4");
  }

  @Test
  void readsSubsections() throws Exception {
    StateDescription more =
        new StateDescription("d/more", 2, List.of(field("x", "uint8", 1)), List.of());
    StateDescription description =
        new StateDescription("d", 1, List.of(field("a", "uint8", 1)), List.of(more));

    DecodedState state = decode("01 05 06'd/more' 00000002 07", description);

    assertThat(state.subsections().getFirst().value("x").orElseThrow()).hasToString("7");
    assertThatThrownBy(() -> decode("01 05 06'd/less' 00000002 07", description))
        .isInstanceOf(StateDecoder.Mismatch.class)
        .hasMessage("At byte 1 of the state the subsection d/more should begin");
  }

  @Test
  void aStructureThatItsPartsDoNotFillIsBytes() throws Exception {
    StateDescription inside = layout(field("a", "uint8", 1));

    DecodedState state =
        decode("0102", layout(new Field("s", "struct", 2, 1, Optional.of(inside))));

    assertThat(state.value("s").orElseThrow()).hasToString("0102");
  }

  @Test
  void aLongArrayIsBytes() throws Exception {
    byte[] body = new byte[5000];
    Arrays.fill(body, (byte) 1);

    DecodedState state =
        new StateDecoder().decode(body, layout(new Field("a", "uint8", 1, 5000, Optional.empty())));

    assertThat(state.value("a").orElseThrow()).isInstanceOf(Value.Bytes.class);
  }

  /** A description of little can claim any number of values; they are not all made. */
  @Test
  void structuresOfNothingAreNotTakenApartForEver() throws Exception {
    StateDescription nothing = layout();
    for (int depth = 0; depth < 8; depth++) {
      nothing = layout(new Field("s", "struct", 0, 1000, Optional.of(nothing)));
    }

    DecodedState state = new StateDecoder().decode(new byte[0], nothing);

    assertThat(state.fields()).hasSize(1);
  }
}
