package dev.godwit.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.testkit.Seed;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class EndpointTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // QEMU's spellings.
        "tcp:host:4444 | tcp | host:4444 | ''",
        "tcp:0:4444 | tcp | 0:4444 | ''",
        "tcp::4444 | tcp | :4444 | ''",
        "tcp:[::1]:4444 | tcp | [::1]:4444 | ''",
        "tcp:[fe80::1%eth0]:4444 | tcp | [fe80::1%eth0]:4444 | ''",
        "tcp:host:4444,keep-alive=on | tcp | host:4444 | keep-alive=on",
        "tcp:host:4444,ipv4 | tcp | host:4444 | ipv4",
        "tcp:host:4444,ipv4=on,to=4450 | tcp | host:4444 | ipv4=on&to=4450",
        "unix:/run/vm.sock | unix | /run/vm.sock | ''",
        "unix:vm.sock | unix | vm.sock | ''",
        "unix:/a,,b | unix | /a,b | ''",
        "unix:/a,,,,b | unix | /a,,b | ''",
        "unix:/a,,,mode=0660 | unix | /a, | mode=0660",
        "fd:3 | fd | 3 | ''",
        "fd:migration | fd | migration | ''",
        "file:/vm.img,offset=1M | file | /vm.img | offset=1M",
        "file:/vm.img,offset=0x1000 | file | /vm.img | offset=0x1000",
        "rdma:host:7700 | rdma | host:7700 | ''",
        "rdma:[fe80::1]:7700 | rdma | [fe80::1]:7700 | ''",
        // libvirt's.
        "tcp://host:4444 | tcp | host:4444 | ''",
        "tcp://[::1]:4444 | tcp | [::1]:4444 | ''",
        "rdma://host:7700 | rdma | host:7700 | ''",
        "unix:///run/vm.sock | unix | /run/vm.sock | ''",
        "unix:////run/vm.sock | unix | //run/vm.sock | ''",
        "unix://///a | unix | ///a | ''",
        "tcp:////a | tcp | //a | ''",
        "unix:///a?mode=0660 | unix | /a | mode=0660",
        "unix://a | unix | //a | ''",
        "file:///vm.img,offset=4k | file | /vm.img | offset=4k",
        // Ours.
        "tcp:h:1?throttle=100M | tcp | h:1 | throttle=100M",
        "tcp:h:1?throttle=1&tap=/tmp/x | tcp | h:1 | throttle=1&tap=/tmp/x",
        "tcp:h:1,ipv4?fault=cut:9 | tcp | h:1 | ipv4&fault=cut:9",
        "tcp:h:1?multi | tcp | h:1 | multi",
        "tcp:h:1?a=&b | tcp | h:1 | a&b",
        "tcp:h:1?tap=/a=b | tcp | h:1 | tap=/a=b",
        "mem:name?placement=direct | mem | name | placement=direct",
        "TCP:Host:1 | tcp | Host:1 | ''",
        "x+y-z.1:a | x+y-z.1 | a | ''",
        "tcp: | tcp | '' | ''",
        // Question marks that belong to the address.
        "unix:/what? | unix | /what | ''",
        "unix:/what?? | unix | /what? | ''",
        "unix:/Is?This | unix | /Is?This | ''",
        "unix:/a?b=1? | unix | /a?b=1 | ''",
        "unix:/a?B=1 | unix | /a?B=1 | ''",
        "unix:/a?b/c | unix | /a?b/c | ''",
        "unix:/a?b=1?c=2 | unix | /a?b=1 | c=2"
      })
  void isTakenApart(String uri, String scheme, String address, String settings) {
    Endpoint endpoint = Endpoint.parse(uri);
    assertThat(endpoint.scheme()).isEqualTo(scheme);
    assertThat(endpoint.address()).isEqualTo(address);
    assertThat(endpoint.settings().toString()).isEqualTo(settings);
    assertThat(Endpoint.parse(endpoint.toString())).isEqualTo(endpoint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "exec:cat > /vm.img ; cat > /vm.img ;",
        "exec:a, b,,c ; a, b,,c ;",
        "exec:nc -l 1,2 | tee \"x?y\" ; nc -l 1,2 | tee \"x?y\" ;",
        "exec://bin/echo ; //bin/echo ;",
        "exec:curl http://h/p?q=1? ; curl http://h/p?q=1 ;",
        "exec:curl http://h/p?q=1?throttle=1M ; curl http://h/p?q=1 ; throttle=1M",
        "exec:sh -c 'ls ?b' ; sh -c 'ls ?b' ;",
        "exec:test $? = 0 ; test $? = 0 ;"
      })
  void aCommandKeepsItsCommas(String uri, String address, @Nullable String settings) {
    Endpoint endpoint = Endpoint.parse(uri);
    assertThat(endpoint.scheme()).isEqualTo("exec");
    assertThat(endpoint.address()).isEqualTo(address);
    assertThat(endpoint.settings().toString()).isEqualTo(settings == null ? "" : settings);
    assertThat(Endpoint.parse(endpoint.toString())).isEqualTo(endpoint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | migration",
        "tcp | migration",
        ":4444 | migration",
        "/run/vm.sock | migration",
        "4tcp:x | migration",
        "t~cp:x | migration",
        "unix:/a, | doubled",
        "unix:/a,=1 | doubled",
        "unix:/a,B=1 | doubled",
        "unix:/a,x=?B | cannot hold",
        "tcp:h:1,,,x,y=1,-z | doubled"
      })
  void whatIsNoUriIsRefusedWithASentence(String uri, String hint) {
    assertThatThrownBy(() -> Endpoint.parse(uri))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining(hint);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp:h:1\n", "unix:/a\0b"})
  void whatCouldForgeALogLineIsRefused(String uri) {
    assertThatThrownBy(() -> Endpoint.parse(uri)).isInstanceOf(EndpointException.class);
  }

  @Test
  void anyAddressSurvivesItsOwnSpelling() {
    Seed seed = Seed.of("anyAddressSurvivesItsOwnSpelling");
    Random random = seed.random();
    String alphabet = "ab,?&=:/1 .%'\"[]B-";
    for (int i = 0; i < 20_000; i++) {
      StringBuilder address = new StringBuilder();
      for (int n = random.nextInt(12); n > 0; n--) {
        address.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      String scheme = new String[] {"unix", "file", "tcp", "exec", "mem"}[random.nextInt(5)];
      Settings settings = Settings.none();
      if (random.nextBoolean()) {
        settings = settings.with("tap", "/x,y=z").with("flag", "");
      }
      Endpoint endpoint = new Endpoint(scheme, address.toString(), settings);
      assertThat(Endpoint.parse(endpoint.toString()))
          .as("%s, seed %s", endpoint, seed)
          .isEqualTo(endpoint);
    }
  }

  @Test
  void placesAndSettingsAreExchanged() {
    Endpoint endpoint = Endpoint.parse("tcp:h:0?a=1");
    assertThat(endpoint.at("h:99")).hasToString("tcp:h:99?a=1");
    assertThat(endpoint.with(Settings.none())).hasToString("tcp:h:0");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tcp:h:1 | h | 1 | h:1",
        "tcp:0:1 | '' | 1 | :1",
        "tcp::65535 | '' | 65535 | :65535",
        "tcp:[::1]:0 | ::1 | 0 | [::1]:0",
        "tcp:[fe80::1%lo]:1 | fe80::1%lo | 1 | [fe80::1%lo]:1",
        "tcp://10.0.0.1:04444 | 10.0.0.1 | 4444 | 10.0.0.1:4444",
        "rdma:node-2.lan:7700 | node-2.lan | 7700 | node-2.lan:7700"
      })
  void hostAndPort(String uri, String host, int port, String text) {
    HostPort parsed = HostPort.of(Endpoint.parse(uri));
    assertThat(parsed).isEqualTo(new HostPort(host, port)).hasToString(text);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tcp:h | no.port",
        "tcp: | no.port",
        "tcp:h: | number.from.0.to.65535",
        "tcp:h:65536 | number.from.0.to.65535",
        "tcp:h:-1 | number.from.0.to.65535",
        "tcp:h:+1 | number.from.0.to.65535",
        "tcp:h:http | number.from.0.to.65535",
        "tcp:h:123456 | number.from.0.to.65535",
        "tcp:::1:4444 | brackets",
        "tcp:fe80::1:4444 | brackets",
        "tcp:[h]:1 | IPv6",
        "tcp:[::1] | ''",
        "tcp:[::1:4444 | brackets"
      })
  void whatIsNoHostAndPortIsRefused(String uri, String hint) {
    assertThatThrownBy(() -> HostPort.of(Endpoint.parse(uri)))
        .isInstanceOf(EndpointException.class)
        .hasMessageMatching("(?s).*" + hint + ".*");
  }
}
