import { exitCodes } from '../exit-codes.ts'
import { formatPercent } from '../quantities.ts'
import type { ParsedFlags } from '../settings.ts'
import { printRows } from '../table.ts'
import { shown, type CommandIo } from '../terminal.ts'
import { askRunningJob } from './ask-job.ts'

const columns = ['operator', 'uid', 'key', 'share', 'subtask'] as const

/** `millrace hot-keys JOB`: keys that have much more of an operator's records than others. */
export async function hotKeysCommand(job: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await askRunningJob(io, flags, job, { do: 'status' }, ({ hotKeys }) => {
    if (hotKeys === undefined) {
      io.stderr.write(`millrace: job ${job} runs with an older release, which does not tell its hot keys\n`)
      return exitCodes.failed
    }
    const { format } = flags
    const rows = hotKeys.flatMap(({ operator, operatorId: uid, keys }) =>
      keys.map(({ key, share, subtask }) =>
        format === 'json'
          ? { operator, uid, key, share, subtask }
          : { operator: shown(operator), uid: shown(uid), key: shown(key), share: formatPercent(share), subtask },
      ),
    )
    printRows(io, format, rows, columns)
    return exitCodes.done
  })
}
