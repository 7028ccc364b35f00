package dev.godwit.channel.stream;

import dev.godwit.channel.stream.MachineDescription.Device;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/**
 * Reads a description token by token, since a tree of 64 MiB of somebody else's JSON is larger than
 * any heap. Unknown keys are passed over.
 */
final class DescriptionParser {
  /** A bare machine has some thousand. */
  private static final int MAX_FIELDS = 1_000_000;

  /** Structures and subsections inside each other; five are usual. */
  private static final int MAX_DEPTH = 32;

  /** UTF-8, whatever the first bytes look like. */
  private static final JsonFactory FACTORY =
      JsonFactory.builder().disable(TokenStreamFactory.Feature.CHARSET_DETECTION).build();

  private final String channel;
  private final long offset;
  private final JsonParser json;
  private int fields;

  /**
   * @param offset of the JSON on {@code channel}
   */
  DescriptionParser(String channel, long offset, byte[] bytes) {
    this.channel = channel;
    this.offset = offset;
    this.json = FACTORY.createParser(ObjectReadContext.empty(), bytes);
  }

  MachineDescription parse() throws StreamException {
    try (json) {
      json.nextToken();
      MachineDescription machine = machine();
      if (json.nextToken() != null) {
        throw malformed("Something follows the description");
      }
      return machine;
    } catch (JacksonException e) {
      // The parser is closed by now, and knows no more where it was.
      StreamException malformed =
          malformed(
              e.getLocation() == null ? 0 : e.getLocation().getByteOffset(),
              "The description is no JSON");
      malformed.initCause(e);
      throw malformed;
    }
  }

  private MachineDescription machine() throws StreamException {
    OptionalLong pageBytes = OptionalLong.empty();
    Optional<StateDescription> configuration = Optional.empty();
    List<Device> devices = new ArrayList<>();
    require(JsonToken.START_OBJECT, "The description");
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      json.nextToken();
      switch (key) {
        case "page_size" -> pageBytes = OptionalLong.of(number("page_size"));
        case "configuration" -> configuration = Optional.of(layout(0).state());
        case "devices" -> {
          require(JsonToken.START_ARRAY, "The list of devices");
          while (json.nextToken() != JsonToken.END_ARRAY) {
            devices.add(device());
          }
        }
        default -> json.skipChildren();
      }
    }
    return new MachineDescription(pageBytes, configuration, devices);
  }

  private Device device() throws StreamException {
    Layout layout = layout(0);
    if (layout.name.isEmpty()) {
      throw malformed("A device has no name");
    }
    Device device = new Device(layout.name, layout.instance, layout.state());
    try {
      device.bodyBytes();
    } catch (ArithmeticException e) {
      throw malformed("The sizes of device " + device.name() + " are beyond every stream");
    }
    return device;
  }

  /** What an object says of a device, a subsection, a structure or a field. */
  private static final class Layout {
    private String name = "";
    private String layout = "";
    private String type = "";
    private long instance;
    private long version;
    private long bytes;
    private long elements = 1;
    private boolean sized;
    private boolean listed;
    private final List<Field> fields = new ArrayList<>();
    private final List<StateDescription> subsections = new ArrayList<>();
    private Optional<StateDescription> struct = Optional.empty();

    StateDescription state() {
      return new StateDescription(layout.isEmpty() ? name : layout, version, fields, subsections);
    }

    /** Some structures are listed in the field itself. */
    Field field() {
      Optional<StateDescription> inside =
          struct.isEmpty() && listed ? Optional.of(state()) : struct;
      return new Field(name, type, bytes, elements, inside);
    }
  }

  private Layout layout(int depth) throws StreamException {
    if (depth > MAX_DEPTH) {
      throw malformed("More than " + MAX_DEPTH + " structures are inside each other");
    }
    Layout layout = new Layout();
    String index = "";
    require(JsonToken.START_OBJECT, "A device, subsection or field");
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      json.nextToken();
      switch (key) {
        case "name" -> layout.name = text(key);
        case "vmsd_name" -> layout.layout = text(key);
        case "type" -> layout.type = text(key);
        case "instance_id" -> layout.instance = number(key);
        case "version" -> layout.version = number(key);
        case "array_len" -> layout.elements = number(key);
        case "index" -> index = "[" + number(key) + "]";
        case "size" -> {
          layout.bytes = number(key);
          layout.sized = true;
        }
        case "struct" -> layout.struct = Optional.of(layout(depth + 1).state());
        case "fields" -> {
          layout.listed = true;
          require(JsonToken.START_ARRAY, "A list of fields");
          while (json.nextToken() != JsonToken.END_ARRAY) {
            layout.fields.add(field(depth + 1));
          }
        }
        case "subsections" -> {
          require(JsonToken.START_ARRAY, "A list of subsections");
          while (json.nextToken() != JsonToken.END_ARRAY) {
            layout.subsections.add(subsection(depth + 1));
          }
        }
        default -> json.skipChildren();
      }
    }
    layout.name += index;
    return layout;
  }

  private Field field(int depth) throws StreamException {
    count();
    Layout layout = layout(depth);
    if (!layout.sized) {
      throw malformed("Field " + layout.name + " has no size");
    }
    return layout.field();
  }

  private StateDescription subsection(int depth) throws StreamException {
    count();
    return layout(depth).state();
  }

  private void count() throws StreamException {
    if (++fields > MAX_FIELDS) {
      throw malformed("The description has more than " + MAX_FIELDS + " fields");
    }
  }

  private long number(String key) throws StreamException {
    require(JsonToken.VALUE_NUMBER_INT, key);
    long number = json.getLongValue();
    if (number < 0) {
      throw malformed(key + " cannot be " + number);
    }
    return number;
  }

  private String text(String key) throws StreamException {
    require(JsonToken.VALUE_STRING, key);
    return json.getString();
  }

  private void require(JsonToken expected, String what) throws StreamException {
    if (json.currentToken() != expected) {
      throw malformed(what + " is " + json.currentToken() + " instead of " + expected);
    }
  }

  private StreamException malformed(String sentence) {
    return malformed(json.currentLocation().getByteOffset(), sentence);
  }

  private StreamException malformed(long at, String sentence) {
    return new StreamException(Kind.MALFORMED, channel, offset + Math.max(0, at), sentence);
  }
}
