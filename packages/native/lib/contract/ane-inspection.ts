/** The class of AppleNeuralEngine.framework through which programs reach the engine: `_ANEInMemoryModel` or `_ANEClient`. */
export type AneApi = 'in-memory' | 'client';

/** A method of AppleNeuralEngine.framework that the ane device knows of. */
export interface AneMethod {
  /** `-[_ANEInMemoryModel unloadWithQoS:error:]`. */
  readonly method: string;
  /** The feature that needs it: `core` is required, all others are optional. */
  readonly capability: string;
  readonly classPresent: boolean;
  readonly present: boolean;
  /** Present, with the arguments and the result that are passed and expected. */
  readonly usable: boolean;
  readonly expectedArguments: number;
  /** A letter for the result and one for each argument: `b` a byte, `i` 32 bits, `q` 64, `@` an object, `p` a pointer, `v` nothing. */
  readonly expectedKinds: string;
  /** As this system has it; absent where the method is. */
  readonly arguments?: number;
  readonly encoding?: string;
  readonly kinds?: string;
}

export interface AneProbe {
  readonly available: boolean;
  /** Why not; empty if it is. */
  readonly reason: string;
  /** `h16` is an M4; empty if not told. */
  readonly chip: string;
  /** Those of which every method is there. */
  readonly capabilities: readonly string[];
  readonly methods: readonly AneMethod[];
}

/** The results of a canary on this machine. */
export interface AneCanary {
  readonly name: string;
  readonly outcome: string;
  readonly ok: boolean;
}

/** What a Mac's counters gained from one reading to the next. */
export interface EnergyReading {
  readonly seconds: number;
  /** Joules of each die of the Neural Engine, by the name of its channel; null where energy is not counted, or a counter went backwards. */
  readonly joules: Readonly<Record<string, number>> | null;
  /** Bytes that the whole chip read from memory and wrote to it; null where they are not counted. */
  readonly memoryBytes: number | null;
  /** The Neural Engine's share of them. */
  readonly aneBytes: number | null;
}

/** Counters of a Mac, for which no rights are needed. */
export interface NativeEnergyMeter {
  /** The channels of energy: `ANE`, or `ANE0_0` and `ANE0_1`. */
  readonly dies: readonly string[];
  /** The group of channels that counts bytes of memory; empty if none does. */
  readonly memorySource: string;
  /** What was counted since the last reading, or since the meter was opened. Errors: `ERR_ANE_EXCEPTION` and others. */
  read(): EnergyReading;
}

/** The ane device's report on this machine. */
export interface AneInspection {
  /** Compiles nothing and works everywhere. */
  probe(): AneProbe;
  /** Compiles and runs about ten tiny programs, in this process: call it in one that ends soon. */
  canaries(): AneCanary[];
  /** The MIL dialect of programs: MAYFLY_ANE_DIALECT, else the one in which a canary compiles. */
  dialect(): 'ios18' | 'ios16';
  /**
   * Looks for counters of energy and memory, which takes some hundredths of a second the first time. Errors: `ERR_DEVICE_UNAVAILABLE` where
   * there are none, as on every system but macOS.
   */
  openEnergyMeter(): NativeEnergyMeter;
}
