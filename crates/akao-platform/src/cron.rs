//! Times that come again: `minute hour day month weekday`, in a time zone, perhaps with a second in front.
//!
//! Day and weekday are joined as cron has always joined them: when both are given, one of them is enough.
//!
//! Where clocks are changed, two rules hold, and which one counts is seen from the hour:
//!
//! - Hours that are named (`30 2 * * *`) mean the clock on the wall, and every day has each of them once. A time that is left out
//!   when clocks go forward is the moment at which they do; one that comes twice when they go back is the first of the two.
//! - Every hour (`*/15 * * * *`) means time that passes: nothing is made up for where clocks go forward, and an hour that
//!   comes twice counts twice.

use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone},
};

/// How far ahead a time is looked for: the 29th of February can be eight years away.
const DAYS_AHEAD_MAX: i32 = 8 * 366 + 2;

/// Longest text of an expression, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// Why a text is not a time that comes again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CronError(String);

/// Times that come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether days, or weekdays, are restricted; joined by "or" when both are.
    any_day: bool,
    any_weekday: bool,
}

/// A field: its name, its bounds and the names of its numbers from the lower bound on.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    words: &'static [&'static str],
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const SECOND: Field = Field { name: "second", low: 0, high: 59, words: &[] };
const MINUTE: Field = Field { name: "minute", low: 0, high: 59, words: &[] };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, words: &[] };
const DAY: Field = Field { name: "day", low: 1, high: 31, words: &[] };
const MONTH: Field = Field { name: "month", low: 1, high: 12, words: &MONTHS };
/// Sunday is 0, and 7 as well.
const WEEKDAY: Field = Field { name: "weekday", low: 0, high: 7, words: &WEEKDAYS };

/// Every hour of a day.
const ALL_HOURS: u64 = (1 << 24) - 1;

impl Cron {
    /// Reads an expression of five or six fields, or one of the words `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    ///
    /// # Errors
    /// A field cannot be meant; the message names it.
    pub(crate) fn parse(text: &str) -> Result<Self, CronError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(CronError(format!("the expression is longer than {TEXT_BYTES_MAX} bytes")));
        }
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            rest @ [_, _, _, _, _] => ("0", rest),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            _ => {
                return Err(CronError(format!(
                    "`{}` has {} fields; write `minute hour day month weekday`, such as `30 6 * * mon-fri`",
                    akao_contract::shortened(text.to_owned(), 60),
                    fields.len()
                )));
            }
        };
        let weekdays = WEEKDAY.read(rest[4])?;
        Ok(Self {
            seconds: SECOND.read(second)?,
            minutes: MINUTE.read(rest[0])?,
            hours: HOUR.read(rest[1])?,
            days: DAY.read(rest[2])?,
            months: MONTH.read(rest[3])?,
            weekdays: (weekdays | (weekdays >> 7)) & 0x7f,
            any_day: rest[2].starts_with('*'),
            any_weekday: rest[4].starts_with('*'),
        })
    }

    /// The first time after a moment, in Unix milliseconds; none when there is none for eight years.
    pub(crate) fn next_after(&self, zone: &TimeZone, after_ms: i64) -> Option<i64> {
        let after = Timestamp::from_millisecond(after_ms).ok()?;
        let found = if self.hours == ALL_HOURS { self.by_time(zone, after) } else { self.by_clock(zone, after) };
        found.map(Timestamp::as_millisecond)
    }

    fn is_day(&self, date: Date) -> bool {
        let has = |set: u64, number: i8| set & (1 << number) != 0;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month())
            && match (self.any_day, self.any_weekday) {
                (false, false) => day || weekday,
                _ => day && weekday,
            }
    }

    /// Days that count, from one on.
    fn days_from(&self, date: Date) -> impl Iterator<Item = Date> {
        let days = (0..DAYS_AHEAD_MAX).map_while(move |ahead| date.checked_add(ahead.days()).ok());
        days.filter(|date| self.is_day(*date))
    }

    /// Named hours: the clock on the wall.
    fn by_clock(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let shown = zone.to_datetime(after);
        self.days_from(shown.date()).find_map(|date| {
            // What a clock shows later is never an earlier moment, so that nothing before what it shows now can come.
            let from = if date == shown.date() { shown.time() } else { Time::midnight() };
            self.times_from(from)
                .find_map(|time| moment(zone, DateTime::from_parts(date, time)).filter(|moment| *moment > after))
        })
    }

    /// The times of a day, from what a clock shows on.
    fn times_from(&self, from: Time) -> impl Iterator<Item = Time> {
        let minutes = numbers(self.hours).filter(move |hour| *hour >= from.hour()).flat_map(move |hour| {
            let first = if hour == from.hour() { from.minute() } else { 0 };
            numbers(self.minutes).filter(move |minute| *minute >= first).map(move |minute| (hour, minute))
        });
        minutes.flat_map(move |(hour, minute)| {
            let first = if (hour, minute) == (from.hour(), from.minute()) { from.second() } else { 0 };
            let seconds = numbers(self.seconds).filter(move |second| *second >= first);
            seconds.filter_map(move |second| Time::new(hour, minute, second, 0).ok())
        })
    }

    /// Every hour: time that passes.
    fn by_time(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut minute = after.as_second().div_euclid(60) * 60;
        let last = minute.checked_add(i64::from(DAYS_AHEAD_MAX) * 86_400)?;
        while minute <= last {
            let begins = Timestamp::from_second(minute).ok()?;
            let here = begins.to_zoned(zone.clone());
            if !self.is_day(here.date()) {
                let next = self.days_from(here.date().tomorrow().ok()?).next()?;
                minute = next.to_zoned(zone.clone()).ok()?.timestamp().as_second().max(minute + 60);
                continue;
            }
            if self.minutes & (1 << here.minute()) != 0 {
                let found =
                    numbers(self.seconds).filter_map(|second| Timestamp::from_second(minute + i64::from(second)).ok());
                if let Some(found) = { found }.find(|found| *found > after) {
                    return Some(found);
                }
            }
            minute += 60;
        }
        None
    }
}

/// The moment at which a clock shows this; see the head of this file.
fn moment(zone: &TimeZone, shown: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(shown);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            // Just before the gap, in time, is where clocks are changed next.
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
    }
}

fn numbers(set: u64) -> impl Iterator<Item = i8> + Clone {
    (0_i8..60).filter(move |number| set & (1 << number) != 0)
}

/// When a moment is, as people of a zone write it.
pub(crate) fn shown(zone: &TimeZone, ms: i64) -> Option<Zoned> {
    Timestamp::from_millisecond(ms).ok().map(|moment| moment.to_zoned(zone.clone()))
}

/// A number in digits alone.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Field {
    /// The numbers of a list such as `1-5,10,*/15`, as bits.
    fn read(&self, text: &str) -> Result<u64, CronError> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn bad(&self, part: &str, what: &str) -> CronError {
        CronError(format!("the {} `{}` {what}", self.name, akao_contract::shortened(part.to_owned(), 40)))
    }

    fn part(&self, part: &str) -> Result<u64, CronError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = digits(step).filter(|step| (1..=self.high).contains(step));
                (range, Some(step.ok_or_else(|| self.bad(part, "has a step that is not a number of its own"))?))
            }
            None => (part, None),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (self.low, if self.name == WEEKDAY.name { 6 } else { self.high }),
            Some((low, high)) => (self.number(part, low)?, self.number(part, high)?),
            None => {
                let low = self.number(part, range)?;
                (low, if step.is_some() { self.high } else { low })
            }
        };
        // Days of the week go on behind the last one; the caller takes what is above Saturday as the days from Sunday on.
        let high = if low > high && self.name == WEEKDAY.name { high + 7 } else { high };
        if low > high {
            return Err(self.bad(part, "ends before it begins"));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
        Ok((low..=high).step_by(step).fold(0, |set, number| set | (1 << number)))
    }

    fn number(&self, part: &str, text: &str) -> Result<u32, CronError> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let named = word.and_then(|at| u32::try_from(at).ok()).map(|at| at + self.low);
        let found = named.or_else(|| digits(text)).filter(|number| (self.low..=self.high).contains(number));
        found.ok_or_else(|| self.bad(part, &format!("is not within {} to {}", self.low, self.high)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, zone) = (Cron::parse(cron).unwrap(), TimeZone::get(zone).unwrap());
        let mut at = after.parse::<Timestamp>().unwrap().as_millisecond();
        (0..count)
            .map_while(|_| {
                at = cron.next_after(&zone, at)?;
                Some(Timestamp::from_millisecond(at).unwrap().to_string())
            })
            .collect()
    }

    #[test]
    fn times_come_as_the_fields_say() {
        let from = "2026-01-30T12:00:00Z";
        assert_eq!(next("0 0 * * *", "UTC", from, 2), ["2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"]);
        assert_eq!(next("30 6 * * mon-fri", "UTC", from, 2), ["2026-02-02T06:30:00Z", "2026-02-03T06:30:00Z"]);
        assert_eq!(next("0 0 31 * *", "UTC", from, 2), ["2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"]);
        assert_eq!(next("0 0 29 2 *", "UTC", from, 1), ["2028-02-29T00:00:00Z"]);
        assert_eq!(next("*/20 * * * *", "UTC", from, 2), ["2026-01-30T12:20:00Z", "2026-01-30T12:40:00Z"]);
        assert_eq!(next("@hourly", "UTC", from, 1), ["2026-01-30T13:00:00Z"]);
        assert_eq!(next("*/10 * * * * *", "UTC", from, 2), ["2026-01-30T12:00:10Z", "2026-01-30T12:00:20Z"]);
        assert_eq!(next("0 9-17/4 * * *", "UTC", from, 2), ["2026-01-30T13:00:00Z", "2026-01-30T17:00:00Z"]);
        assert_eq!(next("0 0 13 * fri", "UTC", from, 2), ["2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z"]);
        assert_eq!(next("0 0 * * 7", "UTC", from, 1), ["2026-02-01T00:00:00Z"], "7 is Sunday too");
        for (weekdays, days) in [
            ("fri-sun", ["2026-02-01", "2026-02-06", "2026-02-07"]),
            ("5-7", ["2026-02-01", "2026-02-06", "2026-02-07"]),
            ("sat-mon", ["2026-02-01", "2026-02-02", "2026-02-07"]),
            ("fri-mon/2", ["2026-02-01", "2026-02-06", "2026-02-08"]),
            ("7-1", ["2026-02-01", "2026-02-02", "2026-02-08"]),
        ] {
            let found = next(&format!("0 0 * * {weekdays}"), "UTC", "2026-01-31T12:00:00Z", 3);
            assert_eq!(found, days.map(|day| format!("{day}T00:00:00Z")), "{weekdays}");
        }
        assert_eq!(next("0 * 1 mar *", "UTC", from, 1), ["2026-03-01T00:00:00Z"]);
        assert!(next("0 0 30 2 *", "UTC", from, 1).is_empty(), "a day that never comes");
    }

    #[test]
    fn a_wall_clock_time_that_is_left_out_is_when_clocks_go_forward() {
        // Berlin: 02:00 is followed by 03:00, which is 01:00 UTC.
        let days = next("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(days, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        // Both of these are that one moment.
        let both = next("0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3);
        assert_eq!(both, ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"]);
    }

    #[test]
    fn a_wall_clock_time_that_comes_twice_is_the_first() {
        // Berlin: 03:00 is followed by 02:00; 02:30 is 00:30 and 01:30 UTC.
        let days = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(days, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let within = next("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1);
        assert_eq!(within, ["2026-10-26T01:30:00Z"], "the second one is not told");
    }

    /// A look that begins in the middle of a day finds what a walk from the days before comes to.
    #[test]
    fn the_next_time_is_the_same_wherever_one_looks_from() {
        for (cron, zone, day) in [
            ("7,30 1-3 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z"),
            ("0,45 0-4 * * *", "Europe/Berlin", "2026-03-28T22:00:00Z"),
            ("*/20 0-22 * * *", "Australia/Lord_Howe", "2026-04-04T10:00:00Z"),
            ("0 0,23 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z"),
            ("30 0-12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z"),
        ] {
            let begin = day.parse::<Timestamp>().unwrap().as_millisecond();
            let (read, of) = (Cron::parse(cron).unwrap(), TimeZone::get(zone).unwrap());
            let before = begin - 3 * 24 * 3_600_000;
            let walked: Vec<i64> =
                std::iter::successors(read.next_after(&of, before), |last| read.next_after(&of, *last))
                    .take_while(|at| *at < begin + 3 * 24 * 3_600_000)
                    .collect();
            for minute in 0..2 * 24 * 60 / 7 {
                let after = begin + minute * 7 * 60_000;
                let expected = walked.iter().copied().find(|at| *at > after);
                assert_eq!(read.next_after(&of, after), expected, "{cron} {zone} {after}");
            }
        }
    }

    #[test]
    fn every_hour_is_time_that_passes() {
        let spring = next("0 * * * *", "America/New_York", "2026-03-08T05:30:00Z", 3);
        assert_eq!(spring, ["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"]);
        let autumn = next("30 * * * *", "America/New_York", "2026-11-01T04:45:00Z", 3);
        assert_eq!(autumn, ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"]);
        // Lord Howe moves its clocks by half an hour.
        let half = next("0 * * * *", "Australia/Lord_Howe", "2026-04-04T14:15:00Z", 2);
        assert_eq!(half, ["2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"]);
    }

    #[test]
    fn midnight_that_is_left_out_is_when_the_day_begins() {
        // Beirut goes forward at midnight.
        assert_eq!(
            next("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", 2),
            ["2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_field() {
        for (text, told) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("60 * * * *", "the minute `60` is not within 0 to 59"),
            ("* 24 * * *", "the hour `24`"),
            ("* * 0 * *", "the day `0`"),
            ("* * * foo *", "the month `foo`"),
            ("* * * * 8", "the weekday `8`"),
            ("5-1 * * * *", "ends before it begins"),
            ("* * * dec-jan *", "ends before it begins"),
            ("* * * * +1", "the weekday `+1`"),
            ("*/+5 * * * *", "step"),
            ("*/0 * * * *", "step"),
            ("1,,2 * * * *", "the minute ``"),
        ] {
            let error = Cron::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }
}
