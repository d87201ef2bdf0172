//! In which repository a sign-off or a waiver counts: copied into the ledger of another one, it counts for nothing.

use crate::domain::policy::Policy;
use crate::domain::record::body::RepositoryBinding;

/// What is bound to now, where the policy says anything of it.
pub(in crate::domain) fn repository(policy: &Policy) -> Option<RepositoryBinding> {
    let id = policy.repository.clone().map(RepositoryBinding::Id);
    id.or_else(|| policy.product.clone().map(RepositoryBinding::Product))
}

/// Why something that is bound to `then` does not count here; `None` where it does.
///
/// What was recorded before anything was bound counts for a product, and not where the policy has an id.
pub(in crate::domain) fn foreign(
    policy: &Policy,
    then: Option<&RepositoryBinding>,
) -> Option<String> {
    use RepositoryBinding::{Id, Product};
    let here = repository(policy);
    match (here, then) {
        (None | Some(Product(_)), None) => None,
        (Some(here), Some(there)) if here == *there => None,
        (Some(Id(_)), None | Some(Product(_))) => {
            Some("the policy had no id of this repository then".to_owned())
        }
        (Some(Id(here)), Some(Id(there))) => Some(format!(
            "it was for the repository {there}, and this is {here}"
        )),
        (_, Some(Id(there))) => Some(format!(
            "it was for the repository {there}, and the policy names none"
        )),
        (Some(Product(here)), Some(Product(there))) => Some(format!(
            "it was for the product {there}, and this is {here}"
        )),
        (None, Some(Product(there))) => Some(format!(
            "it was for the product {there}, and the policy names none"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::policy;

    #[test]
    fn what_is_bound_counts_where_it_was_made() {
        let of = |id: Option<&str>, product: Option<&str>| Policy {
            repository: id.map(|id| id.parse().expect("an id")),
            product: product.map(str::to_owned),
            ..policy()
        };
        let (a, b) = (of(Some("a1"), Some("Shop")), of(Some("b2"), Some("Shop")));
        let (shop, pay, bare) = (
            of(None, Some("Shop")),
            of(None, Some("Pay")),
            of(None, None),
        );
        let all = [&a, &b, &shop, &pay, &bare];
        for here in all {
            for there in all {
                let then = repository(there);
                let same =
                    std::ptr::eq(here, there) || (then.is_none() && here.repository.is_none());
                assert_eq!(foreign(here, then.as_ref()).is_none(), same, "{then:?}");
            }
        }
        let why = foreign(&pay, repository(&shop).as_ref()).expect("another product");
        assert_eq!(why, "it was for the product Shop, and this is Pay");
    }
}
