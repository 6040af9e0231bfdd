//! A bounded queue in which clients take turns, so that the jobs of one client do not delay those of others. Networks take
//! turns, and within a network its accounts. Pure computation.

use std::collections::VecDeque;

use crate::http::client::Client;

/// Maximum number of waiting jobs.
const JOBS_MAX: usize = 256;
/// Maximum number of waiting jobs for one account, from all networks.
const JOBS_OF_ACCOUNT_MAX: usize = 32;

/// The prefix length of IPv6 networks: a site, because smaller networks are easy to get in large numbers.
const PREFIX: u8 = 48;

/// Who a job is for.
#[derive(Clone, Debug)]
pub struct Requester {
    network: String,
    account: Option<String>,
}

impl Requester {
    /// A client, and the id or the e-mail address of an account, whether or not it exists; none for a new account.
    pub fn new(client: &Client, account: Option<&str>) -> Self {
        Self {
            network: client.network(PREFIX),
            account: account.map(str::to_owned),
        }
    }
}

/// A queue of jobs.
pub struct FairQueue<J> {
    /// The networks with waiting jobs, in the order of their turns.
    networks: VecDeque<Network<J>>,
}

struct Network<J> {
    name: String,
    /// The accounts with waiting jobs, in the order of their turns.
    accounts: VecDeque<Account<J>>,
}

struct Account<J> {
    /// None for all new accounts together.
    name: Option<String>,
    jobs: VecDeque<J>,
}

impl<J> Default for FairQueue<J> {
    fn default() -> Self {
        let networks = VecDeque::new();
        Self { networks }
    }
}

impl<J> Network<J> {
    fn len(&self) -> usize {
        self.accounts.iter().map(|account| account.jobs.len()).sum()
    }
}

impl<J> FairQueue<J> {
    /// Adds a job. If there are too many, returns the one that is refused: this job if its account has too many; otherwise the
    /// last job of the account with the most jobs in the network with the most jobs.
    pub fn push(&mut self, requester: &Requester, job: J) -> Option<J> {
        let accounts = self.networks.iter().flat_map(|network| &network.accounts);
        let of_account = accounts.filter(|account| account.name.is_some() && account.name == requester.account);
        if of_account.map(|account| account.jobs.len()).sum::<usize>() >= JOBS_OF_ACCOUNT_MAX {
            return Some(job);
        }
        self.jobs_of(requester).push_back(job);
        let is_full = self.networks.iter().map(Network::len).sum::<usize>() > JOBS_MAX;
        is_full.then(|| self.pop_last()).flatten()
    }

    /// Removes the next job.
    pub fn pop(&mut self) -> Option<J> {
        let mut network = self.networks.pop_front()?;
        let mut account = network.accounts.pop_front()?;
        let job = account.jobs.pop_front();
        // Without another job, the next one queues up anew, so that nobody gains by sending one at a time.
        if !account.jobs.is_empty() {
            network.accounts.push_back(account);
        }
        if !network.accounts.is_empty() {
            self.networks.push_back(network);
        }
        job
    }

    /// Keeps only the jobs for which `is_wanted` is true.
    pub fn retain(&mut self, is_wanted: impl Fn(&J) -> bool) {
        self.networks.retain_mut(|network| {
            network.accounts.retain_mut(|account| {
                account.jobs.retain(&is_wanted);
                !account.jobs.is_empty()
            });
            !network.accounts.is_empty()
        });
    }

    fn jobs_of(&mut self, Requester { network, account }: &Requester) -> &mut VecDeque<J> {
        let network = find_or_push(
            &mut self.networks,
            |known| known.name == *network,
            || Network {
                name: network.clone(),
                accounts: VecDeque::new(),
            },
        );
        let account = find_or_push(
            &mut network.accounts,
            |known| known.name == *account,
            || Account {
                name: account.clone(),
                jobs: VecDeque::new(),
            },
        );
        &mut account.jobs
    }

    /// Removes the last job of the account with the most jobs in the network with the most jobs.
    fn pop_last(&mut self) -> Option<J> {
        let network = self.networks.iter_mut().max_by_key(|network| network.len())?;
        let account = network.accounts.iter_mut().max_by_key(|account| account.jobs.len())?;
        let job = account.jobs.pop_back();
        self.retain(|_| true);
        job
    }
}

fn find_or_push<T>(items: &mut VecDeque<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let index = items.iter().position(is_it).unwrap_or_else(|| {
        items.push_back(new());
        items.len() - 1
    });
    &mut items[index]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn requester(network: &str, account: &str) -> Requester {
        Requester {
            network: network.to_owned(),
            account: Some(account.to_owned()),
        }
    }

    /// A queue with these jobs, each as network, account and name.
    fn queue<'a>(jobs: &[[&'a str; 3]]) -> FairQueue<&'a str> {
        let mut queue = FairQueue::default();
        for [network, account, job] in jobs {
            assert_eq!(queue.push(&requester(network, account), *job), None);
        }
        queue
    }

    fn rest<J>(queue: &mut FairQueue<J>) -> Vec<J> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn networks_and_their_accounts_take_turns() {
        let mut queue = queue(&[
            ["here", "a", "a1"],
            ["here", "a", "a2"],
            ["here", "a", "a3"],
            ["here", "b", "b1"],
            ["there", "c", "c1"],
            ["there", "c", "c2"],
        ]);
        assert_eq!(rest(&mut queue), ["a1", "c1", "b1", "c2", "a2", "a3"]);
    }

    #[test]
    fn the_longest_line_gives_way_when_the_queue_is_full() {
        let mut queue = FairQueue::default();
        for number in 0..JOBS_MAX {
            assert_eq!(
                queue.push(&requester("here", &format!("account-{}", number / 12)), number),
                None
            );
        }
        // The last account has 4 jobs, the others 12.
        let refused = queue.push(&requester("there", "other"), 1000).unwrap();
        assert!(refused < 252 && refused % 12 == 11, "{refused}");
        // A client that has the longest line itself is refused.
        assert_eq!(queue.push(&requester("here", "account-0"), 1001), Some(1001));
        assert_eq!(queue.pop(), Some(0));
        assert_eq!(queue.pop(), Some(1000));
        assert_eq!(rest(&mut queue).len(), JOBS_MAX - 2);
    }

    #[test]
    fn an_account_has_a_limited_share_from_all_networks() {
        let mut queue = FairQueue::default();
        for number in 0..JOBS_OF_ACCOUNT_MAX {
            assert_eq!(queue.push(&requester(&number.to_string(), "greedy"), number), None);
        }
        assert_eq!(queue.push(&requester("elsewhere", "greedy"), 1000), Some(1000));
        assert_eq!(queue.push(&requester("elsewhere", "other"), 1001), None);
        // New accounts are different ones.
        let new = Requester {
            network: "elsewhere".to_owned(),
            account: None,
        };
        for number in 0..=JOBS_OF_ACCOUNT_MAX {
            assert_eq!(queue.push(&new, number), None);
        }
    }

    #[test]
    fn unwanted_jobs_leave_the_queue() {
        let mut queue = queue(&[["here", "a", "a1"], ["here", "b", "b1"], ["there", "c", "c1"]]);
        queue.retain(|job| *job == "b1");
        assert_eq!(rest(&mut queue), ["b1"]);
    }
}
