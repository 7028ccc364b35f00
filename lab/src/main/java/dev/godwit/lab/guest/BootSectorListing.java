package dev.godwit.lab.guest;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * The machine code of the guest, one instruction a line: its bytes, and after the semicolon what
 * they mean.
 *
 * <p>Besides bytes a line holds {@code name:} (here is that label), {@code @name} (its address, 16
 * bits), {@code @@name} (its address, 32 bits), {@code >name} (the distance to it, 8 bits), {@code
 * >>name} (32 bits), {@code #name} (a parameter, 32 bits) and {@code $name} (a parameter, 8 bits).
 * All values are little-endian.
 */
final class BootSectorListing {
  /** Where the BIOS loads a boot sector, and the top of the guest's stack. */
  static final int ORIGIN = 0x7C00;

  /** Where the guest keeps the number of its last tick in memory. */
  static final int TICK_CELL = 0x8000;

  /** Where the guest keeps the table of sequence numbers, 32 bits a page of the working set. */
  static final int TABLE = 0x10_0000;

  /** What is added from one 32-bit word of a page to the next. */
  static final int STEP = 0x9E37_79B9;

  /*
   * Registers while it runs: EBX + EBP is the sequence number of the next page to write, EBP that page's index, ESI the
   * index of the next page to check, EDX the last tick. Page j of n therefore carries EBX + j if j < EBP, else
   * EBX + j - n: what a page must hold follows from registers alone, which travel with the CPU and not with memory.
   */
  static final String LISTING =
      """
      start:
        FA                      ; cli
        31 C0                   ; xor ax, ax
        8E D8                   ; mov ds, ax
        0F 01 16 @gdt           ; lgdt [gdt]
        E4 92                   ; in al, 0x92               the A20 gate
        0C 02                   ; or al, 2
        E6 92                   ; out 0x92, al
        0F 20 C0                ; mov eax, cr0
        0C 01                   ; or al, 1
        0F 22 C0                ; mov cr0, eax
        EA @flat 08 00          ; jmp 0x08:flat
      flat:                     ;                           from here 32 bits, flat
        66 B8 10 00             ; mov ax, 0x10
        8E D8                   ; mov ds, eax
        8E C0                   ; mov es, eax
        8E D0                   ; mov ss, eax
        BC 00 7C 00 00          ; mov esp, 0x7C00
        BF 00 91 00 00          ; mov edi, 0x9100           gate 0x20 of an interrupt table at 0x9000
        6A 08                   ; push 8
        59                      ; pop ecx
      gate:
        B8 @wake 08 00          ; mov eax, 0x80000 + wake
        AB                      ; stosd
        B8 00 8E 00 00          ; mov eax, 0x8E00           a 32-bit interrupt gate
        AB                      ; stosd
        E2 >gate                ; loop gate
        0F 01 1D @@idt          ; lidt [idt]
        B0 11                   ; mov al, 0x11              the interrupt controller:
        E6 20                   ; out 0x20, al
        B0 20                   ; mov al, 0x20              vectors from 0x20,
        E6 21                   ; out 0x21, al
        B0 04                   ; mov al, 4
        E6 21                   ; out 0x21, al
        B0 03                   ; mov al, 3                 automatic end of interrupt,
        E6 21                   ; out 0x21, al
        B0 FE                   ; mov al, 0xFE              the timer and nothing else
        E6 21                   ; out 0x21, al
        B0 FF                   ; mov al, 0xFF
        E6 A1                   ; out 0xA1, al
        B0 34                   ; mov al, 0x34              the timer: mode 2
        E6 43                   ; out 0x43, al
        B0 $divisorLow          ; mov al, divisorLow
        E6 40                   ; out 0x40, al
        B0 $divisorHigh         ; mov al, divisorHigh
        E6 40                   ; out 0x40, al
        BF #fillFrom            ; mov edi, fillFrom         xorshift32 over the rest of memory
        B8 B9 79 37 9E          ; mov eax, STEP
      fill:
        81 FF #fillTo           ; cmp edi, fillTo
        73 >filled              ; jae filled
        89 C1                   ; mov ecx, eax
        C1 E1 0D                ; shl ecx, 13
        31 C8                   ; xor eax, ecx
        89 C1                   ; mov ecx, eax
        C1 E9 11                ; shr ecx, 17
        31 C8                   ; xor eax, ecx
        89 C1                   ; mov ecx, eax
        C1 E1 05                ; shl ecx, 5
        31 C8                   ; xor eax, ecx
        AB                      ; stosd
        EB >fill                ; jmp fill
      filled:
        31 DB                   ; xor ebx, ebx
        31 ED                   ; xor ebp, ebp
        31 F6                   ; xor esi, esi
        31 D2                   ; xor edx, edx
        89 15 00 80 00 00       ; mov [TICK_CELL], edx
      first:                    ;                           write every page once
        E8 >>write              ; call write
        09 DB                   ; or ebx, ebx
        74 >first               ; jz first

      tick:
        FB                      ; sti                       take an interrupt that came during the work,
        90                      ; nop
        FA                      ; cli
        FB                      ; sti                       then wait for the next, so that there is always some idleness
        F4                      ; hlt
        89 D0                   ; mov eax, edx
        BF 00 80 00 00          ; mov edi, TICK_CELL
        AF                      ; scasd
        0F 85 >>failed          ; jne failed
        42                      ; inc edx
        89 15 00 80 00 00       ; mov [TICK_CELL], edx
        B9 #dirty               ; mov ecx, dirty
        E3 >scan                ; jecxz scan
      dirty:
        51                      ; push ecx
        89 EF                   ; mov edi, ebp
        E8 >>check              ; call check                never overwrite what was not checked
        E8 >>write              ; call write
        59                      ; pop ecx
        E2 >dirty               ; loop dirty
      scan:
        B9 #checks              ; mov ecx, checks
      next:
        51                      ; push ecx
        89 F7                   ; mov edi, esi
        E8 >>check              ; call check
        46                      ; inc esi
        81 FE #pages            ; cmp esi, pages
        72 >inside              ; jb inside
        31 F6                   ; xor esi, esi
      inside:
        59                      ; pop ecx
        E2 >next                ; loop next
        B0 54                   ; mov al, 'T'
        E8 >>put                ; call put
        89 D0                   ; mov eax, edx
        E8 >>number             ; call number
        B0 0A                   ; mov al, 10
        E8 >>put                ; call put
        EB >tick                ; jmp tick

      check:                    ;                           page EDI: its entry in the table, then all its words
        8D 04 3B                ; lea eax, [ebx+edi]
        39 EF                   ; cmp edi, ebp
        72 >recent              ; jb recent
        2D #pages               ; sub eax, pages
      recent:
        57                      ; push edi
        8D 3C BD 00 00 10 00    ; lea edi, [TABLE+edi*4]
        AF                      ; scasd
        59                      ; pop ecx
        75 >failed              ; jne failed
        C1 E1 0C                ; shl ecx, 12
        8D B9 #base             ; lea edi, [base+ecx]
        B9 00 04 00 00          ; mov ecx, 1024
      compare:
        AF                      ; scasd
        75 >failed              ; jne failed
        05 B9 79 37 9E          ; add eax, STEP
        E2 >compare             ; loop compare
        C3                      ; ret

      write:                    ;                           page EBP, then on to the next
        8D 04 2B                ; lea eax, [ebx+ebp]
        89 04 AD 00 00 10 00    ; mov [TABLE+ebp*4], eax
        89 EF                   ; mov edi, ebp
        C1 E7 0C                ; shl edi, 12
        81 C7 #base             ; add edi, base
        B9 00 04 00 00          ; mov ecx, 1024
      store:
        AB                      ; stosd
        05 B9 79 37 9E          ; add eax, STEP
        E2 >store               ; loop store
        45                      ; inc ebp
        81 FD #pages            ; cmp ebp, pages
        72 >written             ; jb written
        01 EB                   ; add ebx, ebp
        31 ED                   ; xor ebp, ebp
      written:
        C3                      ; ret

      failed:                   ;                           EAX was expected just below EDI
        83 EF 04                ; sub edi, 4
        FF 37                   ; push dword [edi]
        50                      ; push eax
        57                      ; push edi
        B0 46                   ; mov al, 'F'
        E8 >>put                ; call put
        6A 03                   ; push 3
        5B                      ; pop ebx
      part:
        58                      ; pop eax
        E8 >>number             ; call number
        4B                      ; dec ebx
        75 >part                ; jnz part
        B0 0A                   ; mov al, 10
        E8 >>put                ; call put
      halt:
        FA                      ; cli
        F4                      ; hlt
        EB >halt                ; jmp halt

      number:                   ;                           a space and EAX as eight hexadecimal digits
        50                      ; push eax
        B0 20                   ; mov al, ' '
        E8 >>put                ; call put
        58                      ; pop eax
        6A 08                   ; push 8
        59                      ; pop ecx
      digit:
        C1 C0 04                ; rol eax, 4
        50                      ; push eax
        24 0F                   ; and al, 15
        3C 0A                   ; cmp al, 10
        1C 69                   ; sbb al, 0x69
        2F                      ; das
        E8 >>put                ; call put
        58                      ; pop eax
        E2 >digit               ; loop digit
        C3                      ; ret

      put:                      ;                           AL, once the serial port can take it
        52                      ; push edx
        50                      ; push eax
        66 BA FD 03             ; mov dx, 0x3FD
      busy:
        EC                      ; in al, dx
        A8 20                   ; test al, 0x20
        74 >busy                ; jz busy
        58                      ; pop eax
        B2 F8                   ; mov dl, 0xF8
        EE                      ; out dx, al
        5A                      ; pop edx
        C3                      ; ret

      wake:                     ;                           return from an interrupt, with interrupts off and flags lost
        CA 04 00                ; retf 4

      gdt:                      ;                           the unused first entry holds the table's own descriptor
        17 00 @@gdt 00 00
        FF FF 00 00 00 9B CF 00 ;                           0x08: code
        FF FF 00 00 00 93 CF 00 ;                           0x10: data
      idt:
        3F 01 00 90 00 00
      """;

  private BootSectorListing() {}

  /**
   * The code with every parameter in its place.
   *
   * @throws IllegalStateException if the listing names a label or parameter that there is not, or a
   *     short jump is too far
   */
  static byte[] assemble(Map<String, Integer> parameters) {
    var code = new ByteArrayOutputStream();
    var labels = new HashMap<String, Integer>();
    var references = new ArrayList<Reference>();
    for (String line : LISTING.lines().toList()) {
      for (String token : tokens(line)) {
        if (token.endsWith(":")) {
          labels.put(token.substring(0, token.length() - 1), ORIGIN + code.size());
        } else if (token.length() == 2 && token.chars().allMatch(HexFormat::isHexDigit)) {
          code.write(HexFormat.fromHexDigits(token));
        } else {
          Reference reference = Reference.parse(token, code.size());
          references.add(reference);
          code.writeBytes(new byte[reference.bytes()]);
        }
      }
    }
    byte[] assembled = code.toByteArray();
    references.forEach(reference -> reference.resolve(assembled, labels, parameters));
    return assembled;
  }

  private static List<String> tokens(String line) {
    int comment = line.indexOf(';');
    String code = (comment < 0 ? line : line.substring(0, comment)).strip();
    return code.isEmpty() ? List.of() : List.of(code.split(" +"));
  }

  private enum Kind {
    ADDRESS,
    DISTANCE,
    PARAMETER
  }

  /** A value that is known only when the whole listing was read. */
  private record Reference(Kind kind, String name, int offset, int bytes) {
    static Reference parse(String token, int offset) {
      String name = token.replaceFirst("^[@>#$]+", "");
      int marks = token.length() - name.length();
      return switch (token.charAt(0)) {
        case '@' -> new Reference(Kind.ADDRESS, name, offset, 2 * marks);
        case '>' -> new Reference(Kind.DISTANCE, name, offset, marks == 1 ? 1 : 4);
        case '#' -> new Reference(Kind.PARAMETER, name, offset, 4);
        case '$' -> new Reference(Kind.PARAMETER, name, offset, 1);
        default -> throw new IllegalStateException("The listing has no meaning for " + token);
      };
    }

    void resolve(byte[] code, Map<String, Integer> labels, Map<String, Integer> parameters) {
      Integer found = (kind == Kind.PARAMETER ? parameters : labels).get(name);
      if (found == null) {
        throw new IllegalStateException("The listing names " + name + ", which there is not");
      }
      int value = kind == Kind.DISTANCE ? found - (ORIGIN + offset + bytes) : found;
      if (kind == Kind.DISTANCE && bytes == 1 && value != (byte) value) {
        throw new IllegalStateException(
            "The jump to " + name + " is too far for one byte: " + value);
      }
      for (int i = 0; i < bytes; i++) {
        code[offset + i] = (byte) (value >> (8 * i));
      }
    }
  }
}
