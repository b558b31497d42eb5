//! The solver's view of packages: versions are places in a package's list, so that comparing them is cheap and a range is
//! exactly the versions that it admits, pre-releases included.

use super::{
    PACKAGES_MAX, Policy, Request, ResolveError, Skipped,
    explain::explain,
    offer::Offer,
    unit::{Line, Unit},
};
use crate::{
    record::{Need, Release},
    route::Catalogue,
};
use akao_contract::manifest::PackageId;
use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges};
use semver::{Version, VersionReq};
use std::{
    cell::Cell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
};

/// The set of places in a package's list.
pub(super) type Places = Ranges<u32>;

/// Ranges by package, each with who wants it.
pub(super) type Wants = BTreeMap<PackageId, Vec<(String, VersionReq)>>;

/// Steps after which a search for versions is given up; 500 packages take a few thousand.
const STEPS_MAX: u32 = 2_000_000;

/// Everything that a resolution may look at, gathered before it begins.
pub(super) struct Provider<'a> {
    requests: &'a [Request],
    pub(super) offers: Vec<Offer<'a>>,
    places: BTreeMap<PackageId, u32>,
    /// Ranges that admit several lines of a package, each once.
    pub(super) ranges: Vec<(u32, VersionReq)>,
    range_places: BTreeMap<(u32, String), u32>,
    steps: Cell<u32>,
}

/// A resolution that took too long.
#[derive(Debug, thiserror::Error)]
#[error("no answer was found in {STEPS_MAX} steps")]
pub(super) struct Endless;

impl From<Infallible> for Endless {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<'a> Provider<'a> {
    /// Gathers what the requests can lead to.
    pub(super) fn of(
        catalogue: &Catalogue<'a>,
        requests: &'a [Request],
        policy: &Policy,
    ) -> Result<Self, ResolveError> {
        let mut provider = Self {
            requests,
            offers: Vec::new(),
            places: BTreeMap::new(),
            ranges: Vec::new(),
            range_places: BTreeMap::new(),
            steps: Cell::new(0),
        };
        let mut waiting: VecDeque<PackageId> = requests.iter().map(|request| request.id.clone()).collect();
        while let Some(id) = waiting.pop_front() {
            if provider.places.contains_key(&id) {
                continue;
            }
            if provider.offers.len() == PACKAGES_MAX {
                return Err(ResolveError::Many);
            }
            let offer = Offer::of(catalogue, &id, policy)?;
            let usable = offer.candidates.iter().filter(|candidate| candidate.barred.is_none());
            waiting.extend(usable.flat_map(|candidate| &candidate.release.dependencies).map(|need| need.id.clone()));
            provider.places.insert(id, provider.offers.len() as u32);
            provider.offers.push(offer);
        }
        provider.number_ranges();
        Ok(provider)
    }

    fn number_ranges(&mut self) {
        let needs = self.offers.iter().flat_map(|offer| &offer.candidates).filter(|c| c.barred.is_none());
        let needs = needs.flat_map(|candidate| &candidate.release.dependencies).map(|need| (&need.id, &need.version));
        let asked = self.requests.iter().map(|request| (&request.id, &request.range));
        let mut ranges: BTreeMap<(u32, String), VersionReq> = BTreeMap::new();
        for (id, range) in asked.chain(needs) {
            if let Some(place) = self.places.get(id) {
                ranges.entry((*place, range.to_string())).or_insert_with(|| range.clone());
            }
        }
        for ((place, text), range) in ranges {
            self.range_places.insert((place, text), self.ranges.len() as u32);
            self.ranges.push((place, range));
        }
    }

    /// Versions by package, side by side where lines differ.
    pub(super) fn solve(&self) -> Result<BTreeSet<(PackageId, Version)>, ResolveError> {
        let conflict = |explanation| ResolveError::Conflict { explanation };
        match pubgrub::resolve(self, Unit::Root, 0u32) {
            Ok(solution) => Ok(solution
                .iter()
                .filter(|(unit, _)| matches!(unit, Unit::Library(_) | Unit::Line(..)))
                .filter_map(|(unit, place)| {
                    let offer = self.offers.get(unit.package()?)?;
                    let candidate = offer.candidates.get(*place as usize)?;
                    Some((offer.id.clone(), candidate.release.version.clone()))
                })
                .collect()),
            Err(PubGrubError::NoSolution(tree)) => Err(conflict(explain(self, tree))),
            Err(PubGrubError::ErrorChoosingVersion { .. } | PubGrubError::ErrorRetrievingDependencies { .. }) => {
                Err(conflict("The packages offered could not be read.".to_owned()))
            }
            Err(PubGrubError::ErrorInShouldCancel(endless)) => Err(conflict(format!("{endless}."))),
        }
    }

    /// What a version needs, as units with their admitted places.
    fn needs<'b>(&'b self, needs: impl Iterator<Item = (&'b PackageId, &'b VersionReq)>) -> Vec<(Unit, Places)> {
        needs.filter_map(|(id, range)| self.need(id, range)).collect()
    }

    fn need(&self, id: &PackageId, range: &VersionReq) -> Option<(Unit, Places)> {
        let place = *self.places.get(id)?;
        let offer = &self.offers[place as usize];
        if offer.library {
            return Some((Unit::Library(place), set(offer.admitted(range))));
        }
        let lines = self.lines(place, range);
        match lines.iter().next() {
            Some(line) if lines.len() == 1 => Some((Unit::Line(place, *line), set(offer.admitted(range)))),
            // Also when there is none: then it has no versions, which is what has to be said.
            _ => {
                let at = *self.range_places.get(&(place, range.to_string()))?;
                Some((Unit::Either(place, at), Places::full()))
            }
        }
    }

    /// The lines of a package that a range admits, lowest first.
    fn lines(&self, place: u32, range: &VersionReq) -> BTreeSet<Line> {
        let offer = &self.offers[place as usize];
        offer.admitted(range).map(|at| Line::of(&offer.candidates[at as usize].release.version)).collect()
    }

    /// Places that a unit may be chosen at.
    fn members(&self, unit: Unit) -> Vec<u32> {
        match unit {
            Unit::Root => vec![0],
            Unit::Library(place) => (0..self.offers[place as usize].candidates.len() as u32).collect(),
            Unit::Line(place, line) => {
                let candidates = &self.offers[place as usize].candidates;
                (0u32..)
                    .zip(candidates)
                    .filter(|(_, c)| Line::of(&c.release.version) == line)
                    .map(|(at, _)| at)
                    .collect()
            }
            Unit::Either(place, range) => {
                let lines = self.ranges.get(range as usize).map_or(0, |(_, range)| self.lines(place, range).len());
                (0..lines as u32).collect()
            }
        }
    }

    /// The ranges in which a package is asked for.
    pub(super) fn requested(&self, id: &PackageId) -> Vec<String> {
        self.requests.iter().filter(|request| request.id == *id).map(|request| request.range.to_string()).collect()
    }

    /// Who wants which range of each package: the requests and the chosen versions.
    pub(super) fn wants(&self, solution: &BTreeSet<(PackageId, Version)>) -> Wants {
        let mut wants = Wants::new();
        for request in self.requests {
            wants.entry(request.id.clone()).or_default().push(("the request".to_owned(), request.range.clone()));
        }
        for (id, version) in solution {
            for need in self.release(id, version).map(|release| release.dependencies.as_slice()).unwrap_or_default() {
                wants.entry(need.id.clone()).or_default().push((format!("{id} {version}"), need.version.clone()));
            }
        }
        wants
    }

    /// Newer versions than the chosen one, and why they were not taken.
    pub(super) fn skipped(&self, id: &PackageId, version: &Version, wants: &Wants) -> Vec<Skipped> {
        let Some(place) = self.places.get(id) else { return Vec::new() };
        self.offers[*place as usize].skipped(version, wants.get(id).map(Vec::as_slice).unwrap_or_default())
    }

    fn release(&self, id: &PackageId, version: &Version) -> Option<&Release> {
        let offer = &self.offers[*self.places.get(id)? as usize];
        offer.candidates.iter().map(|candidate| candidate.release).find(|release| release.version == *version)
    }

    /// Which chosen versions a chosen version needs.
    pub(super) fn needed_by(
        &self,
        id: &PackageId,
        version: &Version,
        solution: &BTreeSet<(PackageId, Version)>,
    ) -> Vec<(PackageId, Version)> {
        let needs = self.release(id, version).map(|release| release.dependencies.as_slice()).unwrap_or_default();
        let chosen = |need: &Need| {
            let from = (need.id.clone(), Version::new(0, 0, 0));
            let of_package = solution.range(from..).take_while(|(id, _)| *id == need.id);
            of_package.filter(|(_, version)| need.version.matches(version)).last().cloned()
        };
        needs.iter().filter_map(chosen).collect()
    }
}

/// Places as a set of runs.
pub(super) fn set(places: impl Iterator<Item = u32>) -> Places {
    places.fold(Places::empty(), |set, place| set.union(&Places::between(place, place + 1)))
}

impl DependencyProvider for Provider<'_> {
    type P = Unit;
    type V = u32;
    type VS = Places;
    type M = String;
    type Priority = (u32, Reverse<usize>);
    type Err = Endless;

    fn prioritize(&self, unit: &Unit, range: &Places, statistics: &PackageResolutionStatistics) -> Self::Priority {
        // What has the fewest choices is decided first, so that contradictions show early.
        let choices = self.members(*unit).into_iter().filter(|place| range.contains(place)).count();
        match choices {
            0 => (u32::MAX, Reverse(0)),
            _ => (statistics.conflict_count(), Reverse(choices)),
        }
    }

    fn choose_version(&self, unit: &Unit, range: &Places) -> Result<Option<u32>, Endless> {
        let mut members = self.members(*unit);
        members.retain(|place| range.contains(place));
        let candidate = |place: &u32| match unit {
            Unit::Library(package) | Unit::Line(package, _) => {
                self.offers[*package as usize].candidates.get(*place as usize)
            }
            Unit::Root | Unit::Either(..) => None,
        };
        // A locked version first, then the highest that may be taken; what is barred comes last, to say why.
        let rank = |place: &u32| {
            let (locked, free) = candidate(place).map_or((false, true), |c| (c.locked, c.barred.is_none()));
            (free, locked && free, *place)
        };
        if let Unit::Either(package, _) = unit {
            // The line of a locked version is preferred, then the highest that has a version to take.
            let rank = |place: &u32| {
                let line = self.line_at(*unit, *place);
                let of_line = self.offers[*package as usize].candidates.iter();
                let of_line = of_line.filter(|c| c.barred.is_none() && Some(Line::of(&c.release.version)) == line);
                let (free, locked) = of_line.fold((false, false), |(_, locked), c| (true, locked || c.locked));
                (free, locked, *place)
            };
            return Ok(members.into_iter().max_by_key(rank));
        }
        Ok(members.into_iter().max_by_key(rank))
    }

    fn get_dependencies(&self, unit: &Unit, place: &u32) -> Result<Dependencies<Unit, Places, String>, Endless> {
        let needs = match unit {
            Unit::Root => self.needs(self.requests.iter().map(|request| (&request.id, &request.range))),
            Unit::Library(package) | Unit::Line(package, _) => {
                let Some(candidate) = self.offers[*package as usize].candidates.get(*place as usize) else {
                    return Ok(Dependencies::Unavailable("it is not offered".to_owned()));
                };
                if let Some(why) = &candidate.barred {
                    return Ok(Dependencies::Unavailable(why.to_string()));
                }
                self.needs(candidate.release.dependencies.iter().map(|need| (&need.id, &need.version)))
            }
            Unit::Either(package, range) => {
                let admitted = self.ranges.get(*range as usize).map(|(_, range)| range);
                match self.line_at(*unit, *place).zip(admitted) {
                    Some((line, range)) => {
                        vec![(Unit::Line(*package, line), set(self.offers[*package as usize].admitted(range)))]
                    }
                    None => return Ok(Dependencies::Unavailable("it is not offered".to_owned())),
                }
            }
        };
        let mut joined: BTreeMap<Unit, Places> = BTreeMap::new();
        for (unit, places) in needs {
            let both = joined.get(&unit).map_or_else(|| places.clone(), |before| before.intersection(&places));
            joined.insert(unit, both);
        }
        Ok(Dependencies::Available(joined.into_iter().collect()))
    }

    fn should_cancel(&self) -> Result<(), Endless> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX { Err(Endless) } else { Ok(()) }
    }
}

impl Provider<'_> {
    fn line_at(&self, unit: Unit, place: u32) -> Option<Line> {
        let Unit::Either(package, range) = unit else { return None };
        let (_, range) = self.ranges.get(range as usize)?;
        self.lines(package, range).into_iter().nth(place as usize)
    }
}
