/** The options of one life of a job. */
import type { SeededRandom } from '@millrace/testkit'
import type { Interposer } from './interposer.ts'
import type { LifePlan } from './live.ts'
import { COPIES, OBJECTS, STATE } from './places.ts'
import type { ObjectsPlan } from './object-folder.ts'
import type { Scenario } from './scenario.ts'

export function settingsOf(scenario: Scenario, plan: LifePlan, random: SeededRandom, mutation: Interposer | undefined): object {
  const mode = mutation?.mode ?? scenario.mode
  const { checkpointMs, minPauseMs, maxConcurrent, numRetained } = scenario
  const bufferTimeout = random.pick([0, 1, 10])
  return {
    parallelism: plan.parallelism,
    maxParallelism: plan.maxParallelism ?? scenario.maxParallelism,
    stateDir: STATE,
    ...(plan.backend === 'memory' || plan.backend === 'filesystem' ? { state: { backend: plan.backend } } : {}),
    bufferTimeout: scenario.emphasis?.batches === 'large' ? 10 : bufferTimeout,
    checkpointing: {
      interval: checkpointMs,
      minPause: minPauseMs,
      maxConcurrent,
      numRetained,
      mode,
      // So that a chain has segments of both kinds.
      compression: plan.parallelism % 2 === 0 ? 'zstd' : 'none',
      ...(scenario.unaligned === undefined || mode !== 'exactly-once'
        ? {}
        : {
            unaligned: true,
            alignedTimeout: scenario.unaligned.alignedTimeoutMs,
            inFlightLimit: plan.calm ? 1_000_000 : scenario.unaligned.limitBytes,
          }),
      timeout: plan.calm || plan.patient === true ? 10_000 : random.pick([30, 100, 2_000, 2_000, 2_000]),
      tolerableFailures: plan.calm ? 1_000 : random.pick([0, 3, 1_000]),
      retainOnCancel: plan.cancel?.retains ?? false,
      ...(scenario.objects === undefined || plan.backend === 'memory' ? {} : inObjects(scenario.objects)),
      ...(plan.keepsCopies === true ? { localCopies: true, ...(scenario.copies?.isApart === true ? { localDir: COPIES } : {}) } : {}),
    },
    restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 1_000, delay: 5 } },
  }
}

function inObjects({ inlineBytes, merges, mergedBytesMax }: ObjectsPlan): object {
  return { dir: OBJECTS, inlineThreshold: inlineBytes, fileMerging: { enabled: merges, maxFileSize: mergedBytesMax } }
}
