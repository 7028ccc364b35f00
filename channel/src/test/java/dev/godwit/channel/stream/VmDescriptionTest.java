package dev.godwit.channel.stream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException.Kind;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class VmDescriptionTest {
  /** The shapes that a real description has: an array, a structure, a list, subsections. */
  private static final String JSON =
      """
      {"configuration":{"vmsd_name":"configuration","version":1,"fields":[
        {"name":"len","type":"uint32","size":4}]},
       "page_size":4096,
       "colour":{"unknown":["key",{"fields":3}]},
       "devices":[
        {"name":"0000:00:01.1/ide","instance_id":2,"vmsd_name":"ide","version":3,"fields":[
          {"name":"dma","array_len":8,"type":"uint16","size":2},
          {"name":"bus","type":"struct","size":5,"struct":{"vmsd_name":"bus","version":1,"fields":[
            {"name":"cmd","index":0,"type":"uint8","size":1},
            {"name":"cmd","index":1,"type":"uint32","size":4}]}},
          {"name":"tmp","type":"tmp","vmsd_name":"fpreg_tmp","version":0,"fields":[
            {"name":"mant","type":"uint64","size":8}],"size":8}],
         "subsections":[
          {"vmsd_name":"ide/pio","version":1,"fields":[{"name":"x","type":"uint8","size":1}],
           "subsections":[{"vmsd_name":"ide/pio/deep","version":2,"fields":[]}]}]},
        {"name":"old","instance_id":0,"size":100,
         "fields":[{"name":"data","size":100,"type":"buffer"}]}]}
      """;

  private static MachineDescription parse(String json) throws StreamException {
    return VmDescription.of(json).parse();
  }

  @Test
  void keepsEveryByte() throws Exception {
    byte[] bytes = Wired.hex("06 00000007 '{ \"a\":' FF");
    VmDescription read = Wired.reading(bytes, 1, VmDescription::read);
    assertThat(Wired.written(read::write)).isEqualTo(bytes);
    assertThat(read.lengthBytes()).isEqualTo(7);
    assertThat(read.json().isReadOnly()).isTrue();
    assertThat(read.json().remaining()).isEqualTo(7);
    Hostile.truncate(bytes, VmDescription::read);
  }

  @Test
  void growsWithWhatArrives() throws Exception {
    byte[] bytes = Wired.written(VmDescription.of("x".repeat(700_001))::write);
    VmDescription read = Wired.reading(bytes, VmDescription::read);
    assertThat(Wired.written(read::write)).isEqualTo(bytes);
  }

  @Test
  void refusesTooLong() {
    Hostile.refuse(
        "06 04000001",
        VmDescription::read,
        Kind.MALFORMED,
        1,
        "A description of 67108865 bytes is too long");
    Hostile.refuse(
        "05",
        VmDescription::read,
        Kind.MALFORMED,
        0,
        "A description begins with 0x06, not with 0x05");
  }

  @Test
  void showsDevicesFieldsAndSizes() throws Exception {
    MachineDescription machine = parse(JSON);
    assertThat(machine.pageBytes()).hasValue(4096);
    assertThat(machine.configuration().orElseThrow().bodyBytes()).isEqualTo(4);
    assertThat(machine.devices()).hasSize(2);

    MachineDescription.Device ide =
        machine.device(new Section(9, "0000:00:01.1/ide", 2, 3)).orElseThrow();
    List<Field> fields = ide.state().fields();
    assertThat(ide.state().name()).isEqualTo("ide");
    assertThat(ide.state().version()).isEqualTo(3);
    assertThat(fields).extracting(Field::name).containsExactly("dma", "bus", "tmp");
    assertThat(fields.getFirst()).isEqualTo(new Field("dma", "uint16", 2, 8, Optional.empty()));
    StateDescription bus = fields.get(1).struct().orElseThrow();
    assertThat(bus.fields()).extracting(Field::name).containsExactly("cmd[0]", "cmd[1]");
    assertThat(fields.get(2).struct().orElseThrow().bodyBytes()).isEqualTo(8);
    int pio = 6 + "ide/pio".length() + 1;
    int deep = 6 + "ide/pio/deep".length();
    assertThat(ide.bodyBytes()).isEqualTo(16 + 5 + 8 + pio + deep);

    MachineDescription.Device old = machine.devices().get(1);
    assertThat(old.bodyBytes()).isEqualTo(100);
    assertThat(old.state().name()).isEqualTo("old");
    assertThat(machine.device(new Section(9, "old", 1, 3))).isEmpty();
  }

  @Test
  void writesWhatItShows() throws Exception {
    MachineDescription machine = parse(JSON);
    assertThat(VmDescription.of(machine).parse()).isEqualTo(machine);
    MachineDescription bare =
        new MachineDescription(OptionalLong.empty(), Optional.empty(), List.of());
    assertThat(VmDescription.of(bare).parse()).isEqualTo(bare);
  }

  @Test
  void writesCompactJsonInTheOrderOfQemu() {
    StateDescription bus =
        new StateDescription(
            "bus",
            1,
            List.of(
                new Field("cmd[0]", "uint8", 1, 1, Optional.empty()),
                new Field("cmd[1]", "uint32", 4, 1, Optional.empty()),
                new Field("odd[01]", "uint8", 1, 1, Optional.empty())),
            List.of());
    StateDescription ide =
        new StateDescription(
            "ide",
            3,
            List.of(
                new Field("dma", "uint16", 2, 8, Optional.empty()),
                new Field("bus", "struct", 6, 1, Optional.of(bus))),
            List.of(new StateDescription("ide/\"\u00e9", 2, List.of(), List.of())));
    VmDescription written =
        VmDescription.of(
            new MachineDescription(
                OptionalLong.of(4096),
                Optional.empty(),
                List.of(new MachineDescription.Device("0000:00:01.1/ide", 2, ide))));
    assertThat(UTF_8.decode(written.json()).toString())
        .isEqualTo(
            """
            {"page_size":4096,"devices":[{"name":"0000:00:01.1/ide","instance_id":2,\
            "vmsd_name":"ide","version":3,"fields":[\
            {"name":"dma","array_len":8,"type":"uint16","size":2},\
            {"name":"bus","type":"struct","struct":{"vmsd_name":"bus","version":1,"fields":[\
            {"name":"cmd","index":0,"type":"uint8","size":1},\
            {"name":"cmd","index":1,"type":"uint32","size":4},\
            {"name":"odd[01]","type":"uint8","size":1}]},"size":6}],\
            "subsections":[{"vmsd_name":"ide/\\"\u00e9","version":2,"fields":[]}]}]}""");
  }

  @Test
  void isJsonOnlyWhenAsked() throws Exception {
    byte[] bytes = Wired.hex("06 00000003 'no!'");
    VmDescription read = Wired.reading(bytes, VmDescription::read);
    StreamException malformed = catchThrowableOfType(StreamException.class, read::parse);
    assertThat(malformed.kind()).isEqualTo(Kind.MALFORMED);
    assertThat(malformed.sentence()).isEqualTo("The description is no JSON");
    assertThat(malformed.offset()).isBetween(5L, 8L);
    assertThat(malformed).hasCauseInstanceOf(tools.jackson.core.JacksonException.class);
  }

  @Test
  void refusesOtherJson() {
    String device = "{\"devices\":[{\"name\":\"d\",\"fields\":[%s]}]}";
    refuse("", "The description is null instead of START_OBJECT");
    refuse("[]", "The description is START_ARRAY instead of START_OBJECT");
    refuse("{} {}", "Something follows the description");
    refuse("{", "The description is no JSON");
    refuse("{\"devices\":{}}", "The list of devices is START_OBJECT instead of START_ARRAY");
    refuse("{\"devices\":[{}]}", "A device has no name");
    refuse(
        "{\"devices\":[7]}",
        "A device, subsection or field is VALUE_NUMBER_INT instead of START_OBJECT");
    refuse("{\"page_size\":1.5}", "page_size is VALUE_NUMBER_FLOAT instead of VALUE_NUMBER_INT");
    refuse("{\"page_size\":99999999999999999999}", "The description is no JSON");
    refuse(device.formatted("{\"name\":\"f\"}"), "Field f has no size");
    refuse(device.formatted("{\"name\":\"f\",\"size\":-1}"), "size cannot be -1");
    refuse(
        device.formatted("{\"name\":\"f\",\"size\":4294967296,\"array_len\":4294967296}"),
        "The sizes of device d are beyond every stream");
    refuse("{\"a\":".repeat(1000), "The description is no JSON");
    refuse(
        "{\"devices\":[" + "{\"name\":\"d\",\"size\":1,\"struct\":".repeat(40),
        "More than 32 structures are inside each other");
  }

  private static void refuse(String json, String sentence) {
    StreamException refused = catchThrowableOfType(StreamException.class, () -> parse(json));
    assertThat(refused).as(json).isNotNull();
    assertThat(refused.sentence()).isEqualTo(sentence);
    assertThat(refused.kind()).isEqualTo(Kind.MALFORMED);
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16BE", "UTF-16LE", "UTF-32BE"})
  void readsNoOtherEncodingThanQemuWrites(Charset encoding) throws Exception {
    byte[] json = "{\"page_size\":4096}".getBytes(encoding);
    byte[] bytes =
        ByteBuffer.allocate(5 + json.length).put((byte) 6).putInt(json.length).put(json).array();
    VmDescription description = Wired.reading(bytes, VmDescription::read);
    StreamException refused = catchThrowableOfType(StreamException.class, description::parse);
    assertThat(refused).as("%s", encoding).isNotNull();
    assertThat(refused.sentence()).isEqualTo("The description is no JSON");
    assertThat(refused.offset()).isBetween(5L, 9L);
  }

  @Test
  void bearsMutations() throws Exception {
    byte[] bytes = Wired.written(VmDescription.of(JSON)::write);
    Hostile.mutate(
        "VmDescriptionTest", List.of(bytes), in -> VmDescription.read(in).parse().devices().size());
  }
}
