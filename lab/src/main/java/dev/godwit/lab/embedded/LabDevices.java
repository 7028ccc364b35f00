package dev.godwit.lab.embedded;

import static dev.godwit.migration.device.Primitive.U64;

import dev.godwit.migration.device.DeclaredDevice;
import dev.godwit.migration.device.StateFormat;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * The lab guest's devices: its processors, a clock, and queues of requests. Each counts how often
 * the guest was stopped, and all must agree on that.
 */
final class LabDevices {
  /** More writes than any guest makes; numbers made of them are still longs. */
  private static final long MOST_WRITES = 1L << 48;

  private static final StateFormat<VcpuState> VCPU =
      StateFormat.<VcpuState>named("lab-vcpu")
          .equal("guest", U64, s -> s.identity)
          .u64("stops", s -> s.stops, (s, v) -> s.stops = v)
          .u64("writes", s -> s.vcpu.writes(), VcpuState::writes)
          .array(
              "registers",
              Vcpu.REGISTERS,
              U64,
              (s, i) -> s.vcpu.register(i),
              (s, i, v) -> s.vcpu.register(i, v))
          .u64("last-tick", s -> s.vcpu.lastTick(), (s, v) -> s.vcpu.lastTick(v))
          .postLoad((s, version) -> s.loaded = true)
          .build();

  private static final StateFormat<ClockState> CLOCK =
      StateFormat.<ClockState>named("lab-clock")
          .u64("stops", s -> s.stops, (s, v) -> s.stops = v)
          .u64("ticks", ClockState::ticks, ClockState::ticks)
          .u64("longest-gap", ClockState::longestGap, ClockState::longestGap)
          .postLoad((s, version) -> s.loaded = true)
          .build();

  private static final StateFormat<Request> REQUEST =
      StateFormat.<Request>named("lab-request").u64("id", r -> r.id, (r, v) -> r.id = v).build();

  private static final StateFormat<Queue> QUEUE =
      StateFormat.<Queue>named("lab-queue")
          .u32("vcpu", q -> q.vcpu, (q, v) -> q.vcpu = v)
          .list("requests", Vcpu.QUEUE_LENGTH, REQUEST, q -> q.requests, Request::new)
          .build();

  private static final StateFormat<QueuesState> COMPLETED =
      StateFormat.<QueuesState>named("lab-queues/completed")
          .u64("requests", s -> s.completed, (s, v) -> s.completed = v)
          .build();

  private static final StateFormat<QueuesState> QUEUES =
      StateFormat.<QueuesState>named("lab-queues")
          .preSave(QueuesState::collect)
          .u64("stops", s -> s.stops, QueuesState::begin)
          .list("queues", 64, QUEUE, s -> s.queues, Queue::new)
          .subsection(COMPLETED, s -> s.completed > 0)
          .postLoad((s, version) -> s.distribute())
          .build();

  private final List<Vcpu> vcpus;
  private final List<State> states = new ArrayList<>();
  private final List<GuestDevice> devices = new ArrayList<>();
  private final QueuesState queues;

  LabDevices(long identity, List<Vcpu> vcpus) {
    this.vcpus = vcpus;
    for (Vcpu vcpu : vcpus) {
      VcpuState state = new VcpuState(identity, vcpu);
      states.add(state);
      devices.add(DeclaredDevice.of("lab/vcpu", vcpu.number(), VCPU, state));
    }
    ClockState clock = new ClockState(vcpus);
    states.add(clock);
    devices.add(DeclaredDevice.of("lab/clock", 0, CLOCK, clock));
    queues = new QueuesState(vcpus);
    states.add(queues);
    devices.add(DeclaredDevice.of("lab/queues", 0, QUEUES, queues));
  }

  List<GuestDevice> all() {
    return List.copyOf(devices);
  }

  /** They are in the state in which a guest begins. */
  void booted() {
    states.forEach(state -> state.loaded = true);
  }

  /** The guest was stopped. */
  void paused() {
    states.forEach(state -> state.stops++);
  }

  void requireComplete() throws GuestException {
    for (int i = 0; i < states.size(); i++) {
      if (!states.get(i).loaded) {
        GuestDevice device = devices.get(i);
        throw new GuestException(
            "Device " + device.name() + " " + device.instance() + " has not been loaded");
      }
    }
  }

  /** What is wrong with them, a sentence each. */
  List<String> faults() {
    List<String> faults = new ArrayList<>();
    TreeSet<Long> stops = new TreeSet<>();
    states.forEach(state -> stops.add(state.stops));
    if (stops.size() > 1) {
      faults.add(
          "The devices disagree on how often the guest was stopped: "
              + stops.first()
              + " or "
              + stops.last()
              + " times");
    }
    long completed = 0;
    for (Vcpu vcpu : vcpus) {
      long writes = vcpu.writes();
      for (int i = 0; i < Vcpu.REGISTERS; i++) {
        if (vcpu.register(i) != vcpu.expectedRegister(i, writes)) {
          faults.add("Register " + i + " of processor " + vcpu.number() + " is not of its writes");
        }
      }
      if (!vcpu.requests().equals(Vcpu.expectedRequests(writes))) {
        faults.add(
            "The queue of processor "
                + vcpu.number()
                + " holds requests "
                + vcpu.requests()
                + ", and must hold "
                + Vcpu.expectedRequests(writes));
      }
      completed += Vcpu.completedRequests(writes);
    }
    queues.collect();
    if (queues.completed != completed) {
      faults.add(queues.completed + " requests are completed, and must be " + completed);
    }
    return faults;
  }

  /** What all have. */
  private abstract static sealed class State {
    boolean loaded;
    long stops;
  }

  private static final class VcpuState extends State {
    private final long identity;
    private final Vcpu vcpu;

    VcpuState(long identity, Vcpu vcpu) {
      this.identity = identity;
      this.vcpu = vcpu;
    }

    void writes(long count) {
      if (count < 0 || count > MOST_WRITES) {
        throw new IllegalArgumentException("No processor has written " + count + " times");
      }
      vcpu.writes(count);
    }
  }

  /** The sum and the maximum of what the processors have seen. */
  private static final class ClockState extends State {
    private final List<Vcpu> vcpus;

    ClockState(List<Vcpu> vcpus) {
      this.vcpus = vcpus;
    }

    long ticks() {
      return vcpus.stream().mapToLong(Vcpu::ticks).sum();
    }

    void ticks(long all) {
      vcpus.forEach(vcpu -> vcpu.ticks(0));
      vcpus.getFirst().ticks(all);
    }

    long longestGap() {
      return vcpus.stream().mapToLong(Vcpu::longestGapNanos).max().orElse(0);
    }

    void longestGap(long nanos) {
      vcpus.forEach(vcpu -> vcpu.longestGapNanos(nanos));
    }
  }

  private static final class Request {
    private long id;
  }

  private static final class Queue {
    private final List<Request> requests = new ArrayList<>();
    private long vcpu;
  }

  private static final class QueuesState extends State {
    private final List<Vcpu> vcpus;
    private final List<Queue> queues = new ArrayList<>();
    private long completed;

    QueuesState(List<Vcpu> vcpus) {
      this.vcpus = vcpus;
    }

    /** What an absent subsection leaves out is as in a new guest. */
    void begin(long count) {
      stops = count;
      completed = 0;
    }

    void collect() {
      queues.clear();
      for (Vcpu vcpu : vcpus) {
        Queue queue = new Queue();
        queue.vcpu = vcpu.number();
        for (long id : vcpu.requests()) {
          Request request = new Request();
          request.id = id;
          queue.requests.add(request);
        }
        queues.add(queue);
      }
      completed = vcpus.stream().mapToLong(Vcpu::completed).sum();
    }

    void distribute() {
      if (queues.size() != vcpus.size()) {
        throw new IllegalArgumentException(
            "There are queues of "
                + queues.size()
                + " processors, and there must be "
                + vcpus.size());
      }
      for (int i = 0; i < queues.size(); i++) {
        Queue queue = queues.get(i);
        if (queue.vcpu != i) {
          throw new IllegalArgumentException("There is a queue of processor " + queue.vcpu);
        }
        vcpus.get(i).requests(queue.requests.stream().map(request -> request.id).toList());
        vcpus.get(i).completed(i == 0 ? completed : 0);
      }
      loaded = true;
    }
  }
}
