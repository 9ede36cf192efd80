import { Screen } from './screen.ts'
import type { Stage } from './stage.ts'
import { formatNumber } from './verdict.ts'

export type StageScreen = Screen<'appended' | 'published'>

/** The screen of a job that reads a growing log and publishes files. */
export function stageScreen({ log, published }: Stage): StageScreen {
  return new Screen({
    sample: () => {
      published.refresh()
      return { appended: log.appended, published: published.numLines }
    },
    status: (figures, rates) => {
      const column = (name: 'appended' | 'published'): string =>
        `${formatNumber(figures[name]).padStart(8)} ${formatNumber(rates[name]).padStart(6)}/s`
      return `log ${column('appended')}   published ${column('published')} in ${published.numFiles} files`
    },
  })
}
