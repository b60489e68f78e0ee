/**
 * Picture of a side input: orders wait until the rates of their window are complete, that is until the watermark of the
 * rates has passed the window's end. What is drawn is when a run was given each order and when it could process it.
 */
import { fixedWindows, pipeline, typed } from 'millrace'
import { directRunner } from 'millrace/direct'
import { at, testStreams } from 'millrace/testing'
import { picture, tag, text } from './svg.js'
import { clockText, scale, ticks } from './time-time.js'

const MINUTE = 60_000
const NOON = Date.UTC(2026, 2, 1, 12)
const noon = (minutes: number): number => NOON + Math.round(minutes * MINUTE)

interface Order {
  readonly text: string
  readonly timestamp: number
  came: number
  processed: number
  readonly rate: number
}

async function ordersOf(): Promise<{ readonly orders: readonly Order[]; readonly rates: readonly Order[] }> {
  const orders = new Map<string, Order>()
  const rates: Order[] = []
  let script = testStreams({ orders: typed<string>(), rates: typed<number>() })
  let clock = 0
  const until = (minutes: number): void => {
    script = script.advanceProcessingTime(noon(minutes) - clock)
    clock = noon(minutes)
  }
  const order = (minutes: number, name: string, when: number): void => {
    until(minutes)
    script = script.add('orders', at(noon(when), name))
  }
  until(0.6)
  script = script.add('rates', at(noon(0.1), 2))
  order(1.0, 'a', 0.5)
  order(1.8, 'b', 1.4)
  order(2.6, 'c', 2.3)
  until(3.2)
  script = script.advanceWatermarkTo(noon(2), 'rates')
  until(3.5)
  script = script.add('rates', at(noon(2.9), 3))
  order(3.9, 'd', 1.7)
  order(4.4, 'e', 3.6)
  until(5.4)
  script = script.advanceWatermarkTo(noon(4), 'rates')
  order(5.9, 'f', 3.2)

  const p = pipeline()
  const { orders: ordered, rates: rated } = p.apply('script', script.end())
  const perTwoMinutes = fixedWindows('2 minutes')
  const view = rated
    .parDo('note rates', {
      output: typed<number>(),
      process(rate, { now, timestamp, emit }) {
        rates.push({ text: `×${rate}`, timestamp, came: now, processed: now, rate })
        emit(rate)
      },
    })
    .windowInto('rates per window', perTwoMinutes)
    .asSingleton('rate', { default: 0 })
  ordered
    .parDo('note orders', {
      output: typed<string>(),
      process(name, { now, timestamp, emit }) {
        orders.set(name, { text: name, timestamp, came: now, processed: now, rate: 0 })
        emit(name)
      },
    })
    .windowInto('orders per window', perTwoMinutes)
    .parDo('convert', {
      sides: { rate: view },
      process(name, { now, sides }) {
        const noted = orders.get(name)
        if (noted !== undefined) orders.set(name, { ...noted, processed: now, rate: sides.rate })
      },
    })
  await directRunner().start(p.build()).result
  return { orders: [...orders.values()], rates }
}

const [WIDTH, HEIGHT] = [680, 430]
const TITLE = 'Side inputs: elements wait until the view of their window is complete'

/** The picture. */
export async function sidePicture(): Promise<string> {
  const { orders, rates } = await ordersOf()
  const [eventTime, processingTime] = [[noon(0), noon(4)] as const, [noon(0), noon(6.5)] as const]
  const x = scale(eventTime, [62, WIDTH - 30])
  const y = scale(processingTime, [HEIGHT - 46, 62])
  const body = [text(62, 24, TITLE, { class: 'title' })]
  for (const start of [noon(0), noon(2)]) {
    const end = start + 2 * MINUTE
    const shape = { x: x(start) + 1.5, width: x(end) - x(start) - 3, y: y(processingTime[1]), rx: 4 }
    body.push(tag('rect', { ...shape, height: y(processingTime[0]) - y(processingTime[1]), class: 'f-window s-edge' }))
  }
  for (const tick of ticks(eventTime, MINUTE)) {
    body.push(
      tag('line', { x1: x(tick), x2: x(tick), y1: y(processingTime[0]), y2: y(processingTime[1]), class: 's-grid' }),
    )
    body.push(text(x(tick), HEIGHT - 30, clockText(tick), { class: 'small mid f-soft' }))
  }
  for (const tick of ticks(processingTime, MINUTE)) {
    body.push(tag('line', { x1: 62, x2: WIDTH - 30, y1: y(tick), y2: y(tick), class: 's-grid' }))
    body.push(text(55, y(tick) + 4, clockText(tick), { class: 'small end f-soft' }))
  }
  for (const start of [noon(0), noon(2)]) {
    const first = orders.filter(
      ({ timestamp, came, processed }) => timestamp >= start && timestamp < start + 2 * MINUTE && processed > came,
    )[0]
    if (first === undefined) continue
    const at = y(first.processed)
    body.push(
      tag('line', {
        x1: x(start) + 4,
        x2: x(start + 2 * MINUTE) - 4,
        y1: at,
        y2: at,
        class: 's-watermark',
        'stroke-width': 3,
      }),
    )
    body.push(text(x(start + 2 * MINUTE) - 8, at - 7, 'rates complete', { class: 'small end f-watermark' }))
  }
  for (const { text: words, timestamp, came } of rates) {
    const [cx, cy] = [x(timestamp), y(came)]
    body.push(
      tag('rect', {
        x: cx - 4,
        y: cy - 11,
        width: 32,
        height: 22,
        rx: 5,
        class: 'f-ground s-watermark',
        'stroke-width': 1.6,
      }),
    )
    body.push(text(cx + 12, cy + 4, words, { class: 'small mid strong f-watermark' }))
  }
  for (const { text: words, timestamp, came, processed, rate } of orders) {
    const [cx, from, to] = [x(timestamp), y(came), y(processed)]
    if (processed > came) {
      body.push(
        tag('line', {
          x1: cx,
          x2: cx,
          y1: from,
          y2: to,
          class: 's-early',
          'stroke-width': 2,
          'stroke-dasharray': '2 4',
        }),
      )
      body.push(tag('circle', { cx, cy: to, r: 4.5, class: 'f-onTime' }))
    }
    body.push(tag('circle', { cx, cy: from, r: 11, class: 'f-ground s-element', 'stroke-width': 1.6 }))
    body.push(text(cx, from + 4, words, { class: 'small mid strong f-element' }))
    body.push(
      text(cx + (processed > came ? 8 : 15), processed > came ? to + 16 : from + 4, `×${rate}`, {
        class: 'small strong f-onTime',
      }),
    )
  }
  body.push(
    text(
      62,
      46,
      'circle: an order as it comes   ·   dotted: it waits   ·   box: a rate   ·   blue: the rate the order was given',
      { class: 'small f-soft' },
    ),
  )
  body.push(text(WIDTH / 2, HEIGHT - 10, 'event time →', { class: 'small mid f-soft' }))
  body.push(
    tag(
      'text',
      { x: 14, y: HEIGHT / 2, class: 'small mid f-soft', transform: `rotate(-90 14 ${HEIGHT / 2})` },
      'processing time →',
    ),
  )
  const description =
    'Orders a, b and c come before the rates of their windows are complete, and wait. Orders d and f come after, and are processed at once.'
  return picture({ width: WIDTH, height: HEIGHT, title: TITLE, description }, body)
}
