import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bareRestore, type BareRestore } from './bare-restore.ts'
import { firstOutput, JobCommand, type Build } from './command.ts'

export interface RecoverySettings {
  readonly build: Build
  readonly keys: number
  readonly strings: boolean
  readonly parallelism: number
  readonly repeat: number
}

export interface Recovery {
  /** From the start of the process to the first output after the restore, once for each repeat. */
  readonly ms: readonly number[]
  /** The same snapshot without the engine around it, each in threads of its own. */
  readonly bare: readonly BareRestore[]
}

const PREPARE_LIMIT_MS = 300_000

/** Lets a job see all keys and complete two checkpoints more, kills it, and restores it. The checkpoint stays the same over the repeats. */
export async function measureRecovery(settings: RecoverySettings): Promise<Recovery> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const { build, keys, strings, parallelism, repeat } = settings
  const flags = [`--parallelism=${parallelism}`, `--state-dir=${folder}`, `--param=keys=${keys}`, `--param=strings=${strings}`]
  try {
    await prepare(build, flags)
    const ms: number[] = []
    const bare: BareRestore[] = []
    for (let n = 0; n < repeat; n++) {
      const restored = await firstOutput(build, 'recovery-job.ts', [...flags, '--restore=latest', '--checkpoint-interval=1h'])
      if (Number(restored.line.split(' ').at(-1)) < 2) throw new Error(`the state was not restored: ${restored.line}`)
      ms.push(restored.ms)
      bare.push(await bareRestore(join(folder, 'recovery/checkpoints'), parallelism))
    }
    const short = bare.find((each) => each.keys !== keys)
    if (short !== undefined) throw new Error(`the checkpoint holds ${short.keys} keys`)
    return { ms, bare }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function prepare(build: Build, flags: readonly string[]): Promise<void> {
  let allSeen = false
  let checkpoints = 0
  let command: JobCommand | undefined
  const ready = new Promise<true>((resolve) => {
    command = new JobCommand(build, 'recovery-job.ts', [...flags, '--output=json', '--checkpoint-interval=1s'], (line) => {
      if (!line.startsWith('{')) allSeen = true
      // The first may have begun before the last key came.
      else if (allSeen && line.includes('"checkpoint-completed"') && ++checkpoints === 2) resolve(true)
    })
  })
  const limit = setTimeout(() => void command!.kill(), PREPARE_LIMIT_MS)
  const outcome = await Promise.race([ready, command!.closed])
  clearTimeout(limit)
  await command!.kill()
  if (outcome !== true) throw new Error(`no checkpoint with all keys was completed\n${command!.stderr}`)
}
