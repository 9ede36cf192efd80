import { type Command, Option } from 'commander'
import { engineFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

type Finish = (exitCode: number) => void
type Flags = { readonly [name: string]: unknown }

/** The commands about jobs that run in other processes of this machine: they speak to them over a socket in their state folder. */
export function addJobCommands(program: Command, io: CommandIo, finish: Finish): void {
  addList(program, io, finish)
  addSavepoint(program, io, finish)
  addStop(program, io, finish)
  addCancel(program, io, finish)
  addConfig(program, io, finish)
  withPlace(program.command('checkpoints').description('show the newest checkpoints and savepoints of a running job, and what each took'))
    .argument('<job>', 'its name')
    .addOption(formatOption())
    .action(async (job: string, flags: Flags) => {
      const { checkpointsCommand } = await import('./checkpoints.ts')
      finish(await checkpointsCommand(job, flags, io))
    })
  withPlace(
    program.command('hot-keys').description("show the keys that have much more of an operator's records than others, of a running job"),
  )
    .argument('<job>', 'its name')
    .addOption(formatOption())
    .action(async (job: string, flags: Flags) => {
      const { hotKeysCommand } = await import('./hot-keys.ts')
      finish(await hotKeysCommand(job, flags, io))
    })
}

function addConfig(program: Command, io: CommandIo, finish: Finish): void {
  withPlace(program.command('config').description('show the options of a running job, or change those that can change while it runs'))
    .argument('<job>', 'its name')
    .argument('[changes...]', 'key=value, of options that can change: all of them are taken, or none; key=none unsets')
    .addOption(formatOption())
    .action(async (job: string, changes: readonly string[], flags: Flags) => {
      const { configCommand } = await import('./config.ts')
      finish(await configCommand(job, changes, flags, io))
    })
}

function addList(program: Command, io: CommandIo, finish: Finish): void {
  withPlace(program.command('list').description('list the jobs that run with a state folder'))
    .option('-r, --running', 'only those that run', false)
    .option('-s, --scheduled', 'only those that start, or wait for a restart', false)
    .option('-a, --all', 'also those that do not run any more', false)
    .addOption(formatOption())
    .action(async (flags: Flags) => {
      const { listJobs } = await import('./list.ts')
      finish(await listJobs(flags, io))
    })
}

function addSavepoint(program: Command, io: CommandIo, finish: Finish): void {
  withPlace(program.command('savepoint').description('take a savepoint of a running job, and print its path; or remove one'))
    .argument('[job]', 'its name')
    .argument('[dir]', 'folder in which the savepoint gets its own (default: the option savepointDir of the job)')
    .option('-d, --dispose <path>', 'remove the savepoint at this path')
    .action(async (job: string | undefined, dir: string | undefined, flags: Flags) => {
      const { savepointCommand } = await import('./savepoint.ts')
      finish(await savepointCommand(job, dir, flags, io))
    })
}

function addStop(program: Command, io: CommandIo, finish: Finish): void {
  withPlace(program.command('stop').description('end a running job with a savepoint that it can go on from, and print its path'))
    .argument('[job]', 'its name')
    .option('-p, --savepoint-path <dir>', 'folder in which the savepoint gets its own (default: the option savepointDir of the job)')
    .option('--savepointPath <dir>', 'the same, as Flink writes it')
    .option(
      '-d, --drain',
      'end the sources first: event time comes to its end, timers fire, operators finish; for a job that is not to go on',
      false,
    )
    .option('--no-savepoint', 'only take a final checkpoint, as on SIGTERM')
    .action(async (job: string | undefined, flags: Flags) => {
      const { stopCommand } = await import('./stop.ts')
      finish(await stopCommand(job, flags, io))
    })
}

function addCancel(program: Command, io: CommandIo, finish: Finish): void {
  withPlace(program.command('cancel').description('end a running job without a final checkpoint'))
    .argument('[job]', 'its name')
    .option('-s, --with-savepoint [dir]', 'take a savepoint first; if that fails the job goes on')
    .action(async (job: string | undefined, flags: Flags) => {
      const { cancelCommand } = await import('./stop.ts')
      finish(await cancelCommand(job, flags, io))
    })
}

/** Where jobs keep their state, and so their sockets. */
function withPlace(command: Command): Command {
  const flag = engineFlags.find(({ key }) => key === 'stateDir')!
  return command
    .addOption(new Option(flag.syntax, flag.description))
    .addOption(new Option('--config <path>', 'file of options').default(undefined, 'millrace.yaml, if it is there'))
}

function formatOption(): Option {
  return new Option('--format <table|json>', 'for people, or one object a line').choices(['table', 'json']).default('table')
}
