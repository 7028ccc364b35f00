package dev.godwit.channel.inspect;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.godwit.channel.inspect.DecodedState.Field;
import dev.godwit.channel.stream.StateDescription;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;

/**
 * Reads device state by the stream's own description (qemu-wire.md §1.5 to §1.7). A structure whose
 * parts do not fill it, and whatever no type is known of, is bytes.
 */
final class StateDecoder {
  /** A bare machine has some 2,000 values; what says it has more is not taken apart any further. */
  private static final int MAX_VALUES = 250_000;

  /** Of numbers, beyond which an array of them is a buffer by another name. */
  private static final int MAX_ELEMENTS = 4096;

  private static final int SUBSECTION = 0x05;
  private static final byte NULL_POINTER = 0x30;

  /** What was reckoned once, so that no array has it reckoned for each element. */
  private final IdentityHashMap<StateDescription, Long> lengths = new IdentityHashMap<>();

  private int left = MAX_VALUES;

  /** A body of another shape than its description says, told as a sentence. */
  static final class Mismatch extends Exception {
    private static final long serialVersionUID = 1;

    Mismatch(String sentence) {
      super(sentence);
    }
  }

  /**
   * @param body as long as {@code description} says
   */
  DecodedState decode(byte[] body, StateDescription description) throws Mismatch {
    return state(ByteBuffer.wrap(body), description);
  }

  private DecodedState state(ByteBuffer in, StateDescription description) throws Mismatch {
    List<Field> fields = fields(in, description.fields());
    List<DecodedState> subsections = new ArrayList<>();
    for (StateDescription subsection : description.subsections()) {
      requireHead(in, subsection);
      subsections.add(state(in, subsection));
    }
    return new DecodedState(description.name(), description.version(), fields, subsections);
  }

  private static void requireHead(ByteBuffer in, StateDescription subsection) throws Mismatch {
    int at = in.position();
    byte[] name = subsection.name().getBytes(UTF_8);
    byte[] found = new byte[name.length];
    boolean head = in.get() == SUBSECTION && Byte.toUnsignedInt(in.get()) == name.length;
    in.get(found);
    long version = Integer.toUnsignedLong(in.getInt());
    if (!head || !Arrays.equals(name, found) || version != subsection.version()) {
      throw new Mismatch(
          "At byte " + at + " of the state the subsection " + subsection.name() + " should begin");
    }
  }

  /** Those that are listed one by one become one. */
  private List<Field> fields(ByteBuffer in, List<StateDescription.Field> described)
      throws Mismatch {
    List<Field> fields = new ArrayList<>();
    for (int at = 0; at < described.size(); ) {
      StateDescription.Field first = described.get(at);
      int count = listed(described, at);
      if (count < 2) {
        fields.add(new Field(first.name(), first.type(), in.position(), value(in, first)));
        at++;
        continue;
      }
      long offset = in.position();
      List<Value> values = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        values.add(value(in, described.get(at + i)));
      }
      fields.add(new Field(stem(first.name()), first.type(), offset, new Value.Items(values)));
      at += count;
    }
    return fields;
  }

  /**
   * How many fields from {@code from} on are elements 0, 1, 2 … of one list, of which QEMU gives
   * the last one no number.
   */
  private static int listed(List<StateDescription.Field> fields, int from) {
    String stem = stem(fields.get(from).name());
    int count = 0;
    while (from + count < fields.size()
        && fields.get(from + count).name().equals(stem + "[" + count + "]")) {
      count++;
    }
    boolean last =
        count > 0 && from + count < fields.size() && fields.get(from + count).name().equals(stem);
    return last ? count + 1 : count;
  }

  private static String stem(String name) {
    int bracket = name.lastIndexOf('[');
    return bracket < 0 ? name : name.substring(0, bracket);
  }

  private Value value(ByteBuffer in, StateDescription.Field field) throws Mismatch {
    left--;
    long most = field.struct().isPresent() ? left : Math.min(left, MAX_ELEMENTS);
    if (field.elements() > most || !isKnown(field)) {
      return bytes(in, Math.toIntExact(field.bytes()));
    }
    if (field.elements() == 1) {
      return element(in, field);
    }
    List<Value> values = new ArrayList<>();
    for (long i = 0; i < field.elements(); i++) {
      values.add(element(in, field));
    }
    return new Value.Items(values);
  }

  /** Whether an element is more than bytes, and just as long as what it consists of. */
  private boolean isKnown(StateDescription.Field field) {
    Optional<StateDescription> struct = field.struct();
    long bytes = struct.isPresent() ? bodyBytes(struct.get()) : width(field.type());
    return bytes == field.elementBytes() && (bytes > 0 || struct.isPresent());
  }

  private long bodyBytes(StateDescription struct) {
    Long known = lengths.get(struct);
    if (known == null) {
      known = struct.bodyBytes();
      lengths.put(struct, known);
    }
    return known;
  }

  private Value element(ByteBuffer in, StateDescription.Field field) throws Mismatch {
    left--;
    if (field.struct().isPresent()) {
      return new Value.Struct(state(in, field.struct().get()));
    }
    String type = word(field.type());
    if (type.equals("bool")) {
      return new Value.Truth(in.get() != 0);
    }
    if (type.equals("nullptr")) {
      Value.Bytes pointer = bytes(in, Byte.BYTES);
      return pointer.bytes()[0] == NULL_POINTER ? new Value.Absent() : pointer;
    }
    boolean unsigned = type.startsWith("u");
    return switch (width(type)) {
      case Byte.BYTES -> whole(in.get(), 0xFFL, unsigned);
      case Short.BYTES -> whole(in.getShort(), 0xFFFFL, unsigned);
      case Integer.BYTES -> whole(in.getInt(), 0xFFFF_FFFFL, unsigned);
      default -> new Value.Whole(in.getLong(), unsigned);
    };
  }

  private static Value whole(long value, long mask, boolean unsigned) {
    return new Value.Whole(unsigned ? value & mask : value, unsigned);
  }

  /** How long a number of that type is; 0 if that is no type of a number. */
  private static int width(String type) {
    return switch (word(type)) {
      case "bool", "nullptr", "int8", "uint8" -> Byte.BYTES;
      case "int16", "uint16" -> Short.BYTES;
      case "int32", "uint32" -> Integer.BYTES;
      case "int64", "uint64", "timer" -> Long.BYTES;
      default -> 0;
    };
  }

  /** Some types say how the reader judges the value: {@code int32 equal}, {@code int32 le}. */
  private static String word(String type) {
    int blank = type.indexOf(' ');
    return blank < 0 || !(type.endsWith(" equal") || type.endsWith(" le"))
        ? type
        : type.substring(0, blank);
  }

  private static Value.Bytes bytes(ByteBuffer in, int length) {
    byte[] bytes = new byte[length];
    in.get(bytes);
    return new Value.Bytes(bytes);
  }
}
