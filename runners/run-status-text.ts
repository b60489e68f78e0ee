/**
 * How times, windows and numbers of a status are written for people. Times are UTC, as windows are.
 */
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../sdk/time.js'
import type { WindowStatus } from './run-status.js'

const DAY_MILLIS = 86_400_000

/** A timestamp; of the day of `near`, the time alone: `12:04:31.2`. Others with their date: `2001-01-31 00:00:00`. */
export function timeText(timestamp: number, near: number): string {
  if (timestamp <= TIMESTAMP_MIN) return 'the beginning of time'
  if (timestamp >= TIMESTAMP_MAX) return 'the end of time'
  if (timestamp === END_OF_GLOBAL_WINDOW) return 'the end of the global window'
  if (Math.abs(timestamp) > 8.64e15) return `${timestamp} ms`
  const iso = new Date(timestamp).toISOString()
  const split = iso.indexOf('T')
  const time = iso.slice(split + 1, -1).replace(/\.?0+$/, '')
  return Math.floor(timestamp / DAY_MILLIS) === Math.floor(near / DAY_MILLIS) ? time : `${iso.slice(0, split)} ${time}`
}

/** A window, both ends as {@link timeText}, with what it carries beside them. */
export function windowText({ start, end, text }: WindowStatus, near: number): string {
  if (!text.startsWith('[')) return text
  const data = text.slice(text.indexOf(')') + 1)
  // The end tells by itself when it is on another day; on the same day as the start, its date is said once.
  const from = timeText(start, near)
  const isSameDay = Math.floor(start / DAY_MILLIS) === Math.floor(end / DAY_MILLIS)
  return `[${from}, ${timeText(end, isSameDay ? end : near)})${data}`
}

/** A span of time: `0.8 s`, `12 s`, `3 min`, `5 h`, `12 d`, `25 y`. */
export function spanText(millis: number): string {
  // What is less than can be shown has no sign.
  const sign = millis <= -50 ? '-' : ''
  const size = Math.abs(millis)
  if (size < 10_000) return `${sign}${(size / 1000).toFixed(1)} s`
  if (size < 120_000) return `${sign}${Math.round(size / 1000)} s`
  if (size < 7_200_000) return `${sign}${Math.round(size / 60_000)} min`
  if (size < 2 * DAY_MILLIS) return `${sign}${Math.round(size / 3_600_000)} h`
  if (size < 730 * DAY_MILLIS) return `${sign}${Math.round(size / DAY_MILLIS)} d`
  return `${sign}${Math.round(size / (365.25 * DAY_MILLIS))} y`
}

/** `1234567` as `1,234,567`. */
export function countText(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 key`, `3 keys`. */
export function manyText(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}
