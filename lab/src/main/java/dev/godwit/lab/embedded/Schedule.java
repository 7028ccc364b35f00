package dev.godwit.lab.embedded;

import java.util.ArrayList;
import java.util.List;

/**
 * Which of its memory one processor changes at its n-th write, as a function of n. It can be asked
 * backwards as well: which write was the last one to a place. That is what makes a page that an
 * earlier pass left behind certain to be noticed, with no journal to be moved. Immutable.
 *
 * <p>Writes come in rounds of 64. The last of a round is to a frame that is filled and erased by
 * turns; the others are to single records of the other frames, hot ones and cold ones where the
 * shape has such.
 */
final class Schedule {
  private static final int ROUND = 64;
  private static final int HOT = 57;

  /** One in so many of a processor's frames is filled and erased by turns. */
  private static final int ERASED_SHARE = 16;

  private static final int HOT_SHARE = 10;

  /** The last one is {@link #erased}. */
  private final List<Lane> lanes = new ArrayList<>();

  private final Lane erased;
  private final long recordFrames;
  private final boolean idle;

  /**
   * @param frames how many the processor owns, at least 32
   */
  Schedule(LabSpec spec, int vcpu, long frames) {
    long seed = Mix.of(spec.seed(), vcpu);
    long erasedFrames = frames / ERASED_SHARE;
    recordFrames = frames - erasedFrames;
    idle = spec.shape() == DirtyShape.IDLE;
    boolean scattered = spec.shape() != DirtyShape.SEQUENTIAL;
    long records = recordFrames * Layout.RECORDS_A_FRAME;
    int last = ROUND - 1;
    if (spec.shape() == DirtyShape.HOT_SET) {
      long hot = records / HOT_SHARE;
      lanes.add(new Lane(0, HOT, 0, hot, new Order(hot, Mix.of(seed, 1), scattered)));
      long cold = records - hot;
      lanes.add(new Lane(HOT, last - HOT, hot, cold, new Order(cold, Mix.of(seed, 2), scattered)));
    } else {
      lanes.add(new Lane(0, last, 0, records, new Order(records, Mix.of(seed, 1), scattered)));
    }
    erased =
        new Lane(last, 1, 0, erasedFrames, new Order(erasedFrames, Mix.of(seed, 3), scattered));
    lanes.add(erased);
  }

  boolean isIdle() {
    return idle;
  }

  /** The frames before this one hold records, the others are filled and erased by turns. */
  long recordFrames() {
    return recordFrames;
  }

  /** Where a walk stands after {@code writes} of them. */
  Walk walk(long writes) {
    return new Walk(writes);
  }

  /** What the first {@code writes} have left behind. */
  Journal journal(long writes) {
    return new Journal(writes);
  }

  /** The writes of some places of each round, which go over the same units again and again. */
  private record Lane(int begin, int width, long first, long units, Order order) {

    /** How many of the first {@code writes} are of this lane. */
    long count(long writes) {
      return writes / ROUND * width + Math.clamp(writes % ROUND - begin, 0, width);
    }

    /** The number among all writes, counted from 1, of this lane's {@code nth} one. */
    long number(long nth) {
      return nth / width * ROUND + begin + nth % width + 1;
    }

    boolean isFilling(long nth) {
      return nth / units % 2 == 0;
    }
  }

  /** The orders in which the turns of a lane visit its units, each once. */
  private record Order(long units, long seed, boolean scattered) {
    private static final long LARGEST_FACTOR = 1 << 20;

    Turn turn(long turn) {
      if (!scattered || units < 3) {
        return new Turn(units, 1, 1, 0);
      }
      long bound = Math.min(units, LARGEST_FACTOR);
      long factor = 1 + Long.remainderUnsigned(Mix.of(seed, turn), bound - 1);
      while (gcd(factor, units) != 1) {
        factor = factor % (bound - 1) + 1;
      }
      long shift = Long.remainderUnsigned(Mix.of(seed, turn, 1), units);
      return new Turn(units, factor, inverse(factor, units), shift);
    }

    private static long gcd(long a, long b) {
      return b == 0 ? a : gcd(b, a % b);
    }

    /** What undoes a factor, modulo the units. */
    private static long inverse(long factor, long units) {
      long last = factor;
      long rest = units;
      long of = 1;
      long next = 0;
      while (rest != 0) {
        long quotient = last / rest;
        long remainder = last - quotient * rest;
        last = rest;
        rest = remainder;
        long further = of - quotient * next;
        of = next;
        next = further;
      }
      return Math.floorMod(of, units);
    }
  }

  /** At place p is unit {@code shift + p * factor}, modulo the units. */
  private record Turn(long units, long factor, long inverse, long shift) {
    long unit(long place) {
      return (shift + place * factor) % units;
    }

    long place(long unit) {
      return Math.floorMod(unit - shift, units) * inverse % units;
    }
  }

  /** Answers which write was the last one to a place. */
  final class Journal {
    private final List<LaneJournal> ofRecords = new ArrayList<>();
    private final LaneJournal ofErased;

    private Journal(long writes) {
      for (Lane lane : lanes.subList(0, lanes.size() - 1)) {
        ofRecords.add(new LaneJournal(lane, writes));
      }
      ofErased = new LaneJournal(erased, writes);
    }

    /**
     * The number of the last write to a record, counted from 1; 0 if there was none.
     *
     * @param record counted over the processor's frames
     */
    long lastToRecord(long record) {
      for (LaneJournal lane : ofRecords) {
        if (record < lane.lane.first + lane.lane.units) {
          long nth = lane.last(record);
          return nth < 0 ? 0 : lane.lane.number(nth);
        }
      }
      throw new IndexOutOfBoundsException("There is no record " + record);
    }

    /**
     * The number of the last write to a frame that is filled and erased by turns, if it filled it,
     * counted from 1; 0 if the frame is zero.
     */
    long lastToErased(long frame) {
      long nth = ofErased.last(frame - recordFrames);
      return nth < 0 || !erased.isFilling(nth) ? 0 : erased.number(nth);
    }
  }

  private static final class LaneJournal {
    private final Lane lane;
    private final long count;
    private final long turn;
    private final Turn now;
    private final Turn before;

    LaneJournal(Lane lane, long writes) {
      this.lane = lane;
      count = lane.count(writes);
      turn = count / lane.units;
      now = lane.order.turn(turn);
      before = lane.order.turn(turn - 1);
    }

    /** Which of the lane's writes was the last one to a unit; negative if none was. */
    long last(long unit) {
      long inTurn = now.place(unit - lane.first);
      if (turn * lane.units + inTurn < count) {
        return turn * lane.units + inTurn;
      }
      return turn == 0 ? -1 : (turn - 1) * lane.units + before.place(unit - lane.first);
    }
  }

  /** Goes from write to write. One thread; allocates nothing but at the begin of a turn. */
  final class Walk {
    private final long[] counts = new long[lanes.size()];
    private final long[] units = new long[lanes.size()];
    private final Turn[] turns = new Turn[lanes.size()];
    private long writes;
    private boolean ofFrame;
    private boolean filling;
    private long unit;

    private Walk(long writes) {
      this.writes = writes;
      for (int i = 0; i < counts.length; i++) {
        Lane lane = lanes.get(i);
        counts[i] = lane.count(writes);
        begin(i, lane);
      }
    }

    private void begin(int i, Lane lane) {
      turns[i] = lane.order.turn(counts[i] / lane.units);
      units[i] = turns[i].unit(counts[i] % lane.units);
    }

    /** Goes to the next write and returns its number, counted from 1. */
    long next() {
      int place = (int) (writes % ROUND);
      int i = 0;
      while (place >= lanes.get(i).begin + lanes.get(i).width) {
        i++;
      }
      Lane lane = lanes.get(i);
      ofFrame = i == counts.length - 1;
      filling = ofFrame && lane.isFilling(counts[i]);
      unit = lane.first + units[i];
      counts[i]++;
      if (counts[i] % lane.units == 0) {
        begin(i, lane);
      } else {
        units[i] += turns[i].factor;
        if (units[i] >= lane.units) {
          units[i] -= lane.units;
        }
      }
      return ++writes;
    }

    /** Whether the write is to a whole frame, not to a record. */
    boolean isOfFrame() {
      return ofFrame;
    }

    boolean isFilling() {
      return filling;
    }

    /** The processor's own frame that is written to. */
    long frame() {
      return ofFrame ? recordFrames + unit : unit / Layout.RECORDS_A_FRAME;
    }

    /** Which record of that frame, only where the write is to one. */
    int record() {
      return (int) (unit % Layout.RECORDS_A_FRAME);
    }
  }
}
