package dev.godwit.migration.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A state that has one of everything. */
final class Clock {
  /** An entry of a list, which has a list. */
  static final class Alarm {
    static final class Bell {
      static final StateFormat<Bell> FORMAT =
          StateFormat.<Bell>named("bell").u8("tone", b -> b.tone, (b, v) -> b.tone = v).build();
      private int tone;
    }

    static final StateFormat<Alarm> FORMAT =
        StateFormat.<Alarm>named("alarm")
            .version(3)
            .timer("at", a -> a.at, (a, v) -> a.at = v)
            .list("bells", 8, Bell.FORMAT, a -> a.bells, Bell::new)
            .subsection(
                StateFormat.<Alarm>named("alarm/loud")
                    .u8("loudness", a -> a.loudness, (a, v) -> a.loudness = v)
                    .build(),
                a -> a.loudness != 0)
            .build();

    private long at;
    private final List<Bell> bells = new ArrayList<>();
    private int loudness;
  }

  /** A structure of two versions. */
  static final class Hand {
    static final StateFormat<Hand> FORMAT =
        StateFormat.<Hand>named("hand")
            .version(2)
            .oldest(1)
            .u16("angle", h -> h.angle, (h, v) -> h.angle = v)
            .since(2)
            .bool("bent", h -> h.bent, (h, v) -> h.bent = v)
            .build();

    private int angle;
    private boolean bent;
  }

  static final StateFormat<Clock> FORMAT =
      StateFormat.<Clock>named("clock")
          .version(2)
          .oldest(1)
          .u64("ticks", c -> c.ticks, (c, v) -> c.ticks = v)
          .since(2)
          .u32("rate", c -> c.rate, (c, v) -> c.rate = positive(v))
          .i32("drift", c -> c.drift, (c, v) -> c.drift = v)
          .bool("on", c -> c.on, (c, v) -> c.on = v)
          .generated("sum", Primitive.U16, Clock::sum, Clock::checkSum)
          .equal("hours", Primitive.U8, c -> c.hours)
          .bytes("name", 4, c -> c.name, (c, v) -> c.name = v)
          .unused(2)
          .array("regs", 3, Primitive.I16, (c, i) -> c.regs[i], (c, i, v) -> c.regs[i] = (short) v)
          .generated("noteBytes", Primitive.U16, c -> c.note.length)
          .variableBytes("note", "noteBytes", 1000, c -> c.note, (c, v) -> c.note = v)
          .generated("handCount", Primitive.U32, c -> c.hands.size())
          .inside(version -> version)
          .arrayOf("hands", "handCount", 20, Hand.FORMAT, c -> c.hands, Hand::new)
          .inside(version -> version)
          .struct("second", Hand.FORMAT, c -> c.second)
          .list("alarms", 30, Alarm.FORMAT, c -> c.alarms, Alarm::new)
          .subsection(
              StateFormat.<Clock>named("clock/zone")
                  .version(7)
                  .oldest(5)
                  .i8("zone", c -> c.zone, (c, v) -> c.zone = v)
                  .since(6)
                  .u8("summer", c -> c.summer, (c, v) -> c.summer = v)
                  .subsection(
                      StateFormat.<Clock>named("clock/zone/odd")
                          .u8("quarters", c -> c.quarters, (c, v) -> c.quarters = v)
                          .build(),
                      c -> c.quarters != 0)
                  .build(),
              c -> c.zone != 0)
          .subsection(
              StateFormat.<Clock>named("clock/battery")
                  .u8("charge", c -> c.charge, (c, v) -> c.charge = v)
                  .build(),
              c -> c.charge != 0)
          .postLoad((c, version) -> c.requireSet())
          .build();

  long ticks;
  long rate = 1;
  int drift;
  boolean on;
  int hours = 24;
  byte[] name = new byte[4];
  final short[] regs = new short[3];
  byte[] note = {};
  final List<Hand> hands = new ArrayList<>();
  final Hand second = new Hand();
  final List<Alarm> alarms = new ArrayList<>();
  int zone;
  int summer;
  int quarters;
  int charge;

  private static long positive(long rate) {
    if (rate == 0) {
      throw new IllegalArgumentException("A clock cannot have no rate");
    }
    return rate;
  }

  int sum() {
    return (int) (ticks * 31 + drift) & 0xFFFF;
  }

  private void checkSum(long sum) {
    if (sum != sum()) {
      throw new IllegalArgumentException("The sum is " + sum() + " and not " + sum);
    }
  }

  private void requireSet() {
    if (ticks == 0) {
      throw new IllegalArgumentException("A clock is set");
    }
  }

  static Clock random(Random random) {
    Clock clock = new Clock();
    clock.ticks = random.nextLong() | 1;
    clock.rate = 1L + random.nextInt(1000);
    clock.drift = random.nextInt();
    clock.on = random.nextBoolean();
    random.nextBytes(clock.name);
    for (int i = 0; i < clock.regs.length; i++) {
      clock.regs[i] = (short) random.nextInt();
    }
    clock.note = new byte[random.nextInt(1001)];
    random.nextBytes(clock.note);
    for (int i = random.nextInt(21); i > 0; i--) {
      clock.hands.add(hand(random));
    }
    clock.second.angle = random.nextInt(360);
    clock.second.bent = random.nextBoolean();
    for (int i = random.nextInt(31); i > 0; i--) {
      clock.alarms.add(alarm(random));
    }
    clock.zone = random.nextInt(3);
    clock.summer = random.nextInt(3);
    clock.quarters = random.nextInt(3);
    clock.charge = random.nextInt(3);
    return clock;
  }

  private static Hand hand(Random random) {
    Hand hand = new Hand();
    hand.angle = random.nextInt(360);
    hand.bent = random.nextBoolean();
    return hand;
  }

  private static Alarm alarm(Random random) {
    Alarm alarm = new Alarm();
    alarm.at = random.nextLong();
    alarm.loudness = random.nextInt(3);
    for (int i = random.nextInt(9); i > 0; i--) {
      Alarm.Bell bell = new Alarm.Bell();
      bell.tone = random.nextInt(256);
      alarm.bells.add(bell);
    }
    return alarm;
  }

  /** One whose bytes a test knows. */
  static Clock known() {
    Clock clock = new Clock();
    clock.ticks = 0x0102030405060708L;
    clock.rate = 0xFFFFFFFEL;
    clock.drift = -2;
    clock.on = true;
    clock.name = new byte[] {'g', 'o', 'd', 0};
    clock.regs[0] = 1;
    clock.regs[1] = -1;
    clock.regs[2] = 0x1234;
    clock.note = new byte[] {5, 5, 5};
    for (int i = 1; i <= 2; i++) {
      Hand hand = new Hand();
      hand.angle = i;
      hand.bent = i == 2;
      clock.hands.add(hand);
    }
    clock.second.angle = 0x167;
    Alarm alarm = new Alarm();
    alarm.at = -1;
    alarm.loudness = 9;
    Alarm.Bell bell = new Alarm.Bell();
    bell.tone = 0x40;
    alarm.bells.add(bell);
    clock.alarms.add(alarm);
    clock.alarms.add(new Alarm());
    clock.zone = -3;
    clock.summer = 1;
    clock.quarters = 2;
    clock.charge = 99;
    return clock;
  }
}
